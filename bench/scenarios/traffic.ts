import { Load, type LoadOptions, type Peer, Server } from "../processes.js";

/** Traffic that is measured per operation. */
export interface TrafficScenario {
  name: string;
  title: string;
  load: LoadOptions;
}

export const trafficScenarios: readonly TrafficScenario[] = [
  {
    name: "echo-64x64",
    title: "echo 64 B, 64 connections",
    load: { mode: "echo", bytes: 64, connections: 64 },
  },
  {
    name: "echo-64x1000",
    title: "echo 64 B, 1000 connections",
    load: { mode: "echo", bytes: 64, connections: 1000 },
  },
  {
    name: "echo-16kx64",
    title: "echo 16 KiB, 64 connections",
    load: { mode: "echo", bytes: 16384, connections: 64 },
  },
  {
    name: "connect",
    title: "connect, echo 64 B, close; 64 at a time",
    load: { mode: "connect", bytes: 64, connections: 64 },
  },
];

export const trafficPeers: readonly Peer[] = ["floor", "handlers", "borrow", "promises", "net"];

/** One round of one peer. */
export interface TrafficSample {
  /** Microseconds of the server's CPU, user and system, per operation. */
  cpu: number;
  /** Operations per second. */
  throughput: number;
  /** Round-trip times in microseconds. */
  p50: number;
  p99: number;
  p999: number;
  /** Share of the time in which the load generator was not waiting. */
  saturation: number;
  failures: number;
}

/**
 * Nothing is in flight when the server's CPU time is read, neither before nor after: what is measured is
 * exactly the operations that are counted.
 */
export async function measureTraffic(
  peer: Peer,
  scenario: TrafficScenario,
  seconds: number,
): Promise<TrafficSample> {
  const server = await Server.start(peer);
  const load = new Load(server.port, { ...scenario.load, seconds });
  try {
    await load.ready();
    const before = await server.usage();
    const report = await load.run();
    const after = await server.usage();
    const { p50, p99, p999, saturation, failures } = report;
    const cpu = (after.cpu - before.cpu) / report.operations;
    return { cpu, throughput: report.operations / report.seconds, p50, p99, p999, saturation, failures };
  } finally {
    await load.stop();
    await server.stop();
  }
}
