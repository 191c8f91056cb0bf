import { setTimeout as sleep } from "node:timers/promises";
import { system } from "../../platforms/rooms.js";
import { Load, type Peer, Server } from "../processes.js";

export const idlePeers: readonly Peer[] = ["floor", "handlers", "net"];

/** Milliseconds over which the CPU time of idle connections is taken. */
const idleWindow = 5000;

/** One round of one peer. */
export interface IdleSample {
  connections: number;
  /** Bytes of resident memory per connection. */
  memory: number;
  /** CPU use of all of them together, in percent of one core. */
  cpu: number;
}

/** As many as fit beside the descriptors that every process has open anyway, at most 19 000. */
export function idleConnections(): number {
  return Math.min(19_000, system.descriptorLimit() - 1000);
}

/** Many connections that echoed 64 bytes once and then do nothing. */
export async function measureIdle(peer: Peer): Promise<IdleSample> {
  const server = await Server.start(peer);
  const before = await server.usage(true);
  const load = new Load(server.port, { mode: "hold", connections: idleConnections(), bytes: 64 });
  try {
    const connections = await load.held();
    const after = await server.usage(true);
    const began = performance.now();
    await sleep(idleWindow);
    const elapsed = performance.now() - began;
    const later = await server.usage();
    return {
      connections,
      memory: (after.resident - before.resident) / connections,
      cpu: ((later.cpu - after.cpu) / (elapsed * 1000)) * 100,
    };
  } finally {
    await load.stop();
    await server.stop();
  }
}
