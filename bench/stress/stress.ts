import { CompletionPort, type PortStats } from "../../src/index.js";
import { Ledger } from "./ledger.js";
import { Random } from "./random.js";
import { growth, measure, type Resources } from "./resources.js";
import { Round } from "./round.js";

export interface StressOptions {
  seed: number;
  /** Connections per round. */
  connections: number;
  /** Whether resident memory has to stay flat. */
  resident: boolean;
  /** How much of the run is over after so many rounds; from 1 on, no other follows. */
  progress(rounds: number): number;
}

export interface StressReport {
  ledger: Ledger;
  rounds: number;
  connections: number;
  stats: PortStats;
  before: Resources;
  after: Resources;
}

/** Rounds, and the share of the run, after which memory has the size it will keep: a leak goes on, allocators settle. */
const warmUp = 4;
const warmShare = 0.4;

/** Nothing in a round waits for longer than milliseconds: one that takes so long hangs. */
const patience = 30_000;

/** Rounds of connections that do everything at random; what broke is in the report's ledger. */
export async function stress({
  seed,
  connections,
  resident,
  progress,
}: StressOptions): Promise<StressReport> {
  const random = new Random(seed);
  const ledger = new Ledger();
  const port = new CompletionPort();
  let before: Resources | undefined;
  let rounds = 0;
  for (; (rounds < warmUp || progress(rounds) < 1) && ledger.violations.length === 0; rounds++) {
    if (rounds >= warmUp && progress(rounds) >= warmShare) before ??= await measure();
    await runRound(new Round(port, random.fork(), ledger), connections, ledger);
    checkRest(await atRest(port), ledger);
  }
  const after = await measure();
  before ??= after;
  const stats = port.stats();
  // A round that hangs, or that has left something behind, is told already; it would be told again as a leak.
  if (ledger.violations.length === 0) {
    ledger.checkSettled();
    for (const complaint of growth(before, after, resident)) ledger.violation(complaint);
    await port.close();
  }
  return { ledger, rounds, connections: rounds * connections, stats, before, after };
}

async function runRound(round: Round, connections: number, ledger: Ledger): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      ledger.violation(`a round did not end within ${patience / 1000} s: ${round.unfinished().join("; ")}`);
      resolve();
    }, patience);
  });
  await Promise.race([round.run(connections), late]);
  clearTimeout(timer);
}

/** Figures that are 0 when nothing is open. */
const restless = [
  "handles",
  "operations",
  "bytesQueued",
  "receiveBuffers",
  "postedAccepts",
  "postedSends",
] as const;

/** What the kernel held for a handle comes back soon after the handle was closed. */
async function atRest(port: CompletionPort): Promise<PortStats> {
  const end = performance.now() + 10_000;
  let stats = port.stats();
  while (
    (stats.receiveBuffers > 0 || stats.postedAccepts > 0 || stats.postedSends > 0) &&
    performance.now() < end
  ) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    stats = port.stats();
  }
  return stats;
}

/** Between two rounds everything is closed, so nothing may be left. */
function checkRest(stats: PortStats, ledger: Ledger): void {
  for (const name of restless) {
    if (stats[name] !== 0) ledger.violation(`${stats[name]} ${name} are left after a round`);
  }
  if (stats.submitted !== stats.completed) {
    ledger.violation(`${stats.submitted} operations were submitted, and ${stats.completed} completed`);
  }
}
