import type { Peer } from "./processes.js";
import type { Measurements } from "./rounds.js";
import { median, medianRatio } from "./statistics.js";

/** A promise of the project next to what this run says about it. */
export interface Verdict {
  what: string;
  /** Inclusive upper limit, as text with its unit. */
  target: string;
  measured: string;
  /** Undefined: not measured in this run. */
  met: boolean | undefined;
}

type Target = (measurements: Measurements) => Verdict;

function verdict(what: string, limit: number, unit: string, digits: number, measured: number): Verdict {
  const target = `≤ ${limit.toFixed(digits)}${unit}`;
  if (!Number.isFinite(measured)) return { what, target, measured: "not measured", met: undefined };
  const shown = measured.toFixed(digits);
  return { what, target, measured: `${shown}${unit}`, met: Number(shown) <= limit };
}

/** CPU per operation of one peer, as a multiple of another's. */
function cpuRatio(what: string, scenario: string, peer: Peer, reference: Peer, limit: number): Target {
  return ({ traffic }) => {
    const cpuOf = (name: Peer) => (traffic.get(scenario)?.get(name) ?? []).map(({ cpu }) => cpu);
    const other = reference === "net" ? "node:net" : "the C floor";
    const ratio = medianRatio(cpuOf(peer), cpuOf(reference));
    return verdict(`CPU, ${what}, ${peer}, to ${other}`, limit, " ×", 2, ratio);
  };
}

const targets: readonly Target[] = [
  cpuRatio("64 B × 64", "echo-64x64", "handlers", "floor", 1.1),
  cpuRatio("64 B × 1000", "echo-64x1000", "handlers", "floor", 1.15),
  cpuRatio("64 B × 64", "echo-64x64", "promises", "floor", 1.25),
  cpuRatio("64 B × 1000", "echo-64x1000", "promises", "floor", 1.25),
  cpuRatio("16 KiB × 64", "echo-16kx64", "handlers", "floor", 1.15),
  cpuRatio("16 KiB × 64", "echo-16kx64", "borrow", "floor", 1.15),
  cpuRatio("connect-echo-close", "connect", "handlers", "floor", 1.3),
  cpuRatio("64 B × 64", "echo-64x64", "handlers", "net", 0.7),
  cpuRatio("64 B × 1000", "echo-64x1000", "handlers", "net", 0.65),
  cpuRatio("16 KiB × 64", "echo-16kx64", "handlers", "net", 0.4),
  cpuRatio("connect-echo-close", "connect", "handlers", "net", 0.6),
  ({ idle }) => {
    const memory = (idle.get("handlers") ?? []).map((sample) => sample.memory);
    return verdict("resident memory per idle connection, handlers", 700, " bytes", 0, median(memory));
  },
  ({ idle }) => {
    const cpu = (idle.get("handlers") ?? []).map((sample) => sample.cpu);
    return verdict("CPU of all idle connections, handlers", 0, " %", 1, median(cpu));
  },
  ({ timer }) => {
    const p99 = (timer.get("handlers") ?? []).map((sample) => sample.p99);
    return verdict("lateness of a 5 ms timer, 1000 busy, handlers, p99", 5, " ms", 1, median(p99));
  },
];

/** Holds the run against what the project promises. */
export function judge(measurements: Measurements): Verdict[] {
  return targets.map((target) => target(measurements));
}
