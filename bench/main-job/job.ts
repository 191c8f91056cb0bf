import type { Progress } from "../progress.js";
import { rotated } from "../statistics.js";
import type { RoundTrips } from "./client.js";
import { type LibraryName, libraryNames } from "./libraries.js";
import { type Pair, Pairs } from "./pair.js";

/** Clients that connect at once to a server that has just started. */
export const coldClients = 3000;
/** Rounds of what is over quickly and varies. */
const rounds = 3;
/** Numbers of connections at which the server's memory and idle CPU are taken. */
export const levels = [100, 500, 1000, 1500, 2000, 2500, 3000, 3500];
/** Milliseconds over which idle CPU is taken. */
const idleWindow = 800;
/** Connections of the round-trip measurement. */
export const tripConnections = 64;
const tripSeconds = 1;

/** Memory in bytes; CPU in percent of one core. */
export interface Level {
  connections: number;
  resident: number;
  idleCpu: number;
}

/** What is known of a library so far. */
export interface Findings {
  /** Milliseconds until the last of the cold clients had its message back, one per round. */
  cold: number[];
  levels: Level[];
  /** One per round. */
  roundTrips: RoundTrips[];
  /** Milliseconds by which a 5 ms timer of the server is late meanwhile, p99, one per round. */
  timerLate: number[];
  /** Clients that could not connect or did not get every byte back. */
  failures: number;
}

export type Comparison = Record<LibraryName, Findings>;

export function emptyComparison(): Comparison {
  const nothing = (): Findings => ({ cold: [], levels: [], roundTrips: [], timerLate: [], failures: 0 });
  return { Portside: nothing(), "node:net": nothing() };
}

export const jobSteps = libraryNames.length * (2 * rounds + levels.length);

async function measureCold({ client }: Pair, findings: Findings): Promise<void> {
  const { milliseconds, failures } = await client.call("open", coldClients);
  findings.cold.push(milliseconds);
  findings.failures += failures;
}

async function measureLevel(
  { server, client }: Pair,
  connections: number,
  findings: Findings,
): Promise<void> {
  const already = findings.levels.at(-1)?.connections ?? 0;
  const { failures } = await client.call("open", connections - already);
  findings.failures += failures;
  const { resident, cpu } = await server.call("idleUsage", idleWindow);
  findings.levels.push({ connections, resident, idleCpu: cpu });
}

async function measureRoundTrips({ server, client }: Pair, findings: Findings): Promise<void> {
  await server.call("startTimer");
  const trips = await client.call("roundTrips", tripConnections, tripSeconds);
  findings.timerLate.push(await server.call("stopTimer"));
  findings.roundTrips.push(trips);
  findings.failures += trips.failures;
}

type Measure = (pair: Pair, findings: Findings) => Promise<void>;

/** Runs everything, writing what it finds into `comparison` as it goes. */
export async function runJob(comparison: Comparison, progress: Progress): Promise<void> {
  const pairs = new Pairs();
  await pairs.open();
  /** Who goes first changes, so that neither library always gets the quieter or the warmer machine. */
  const alternate = async (doing: string, measure: Measure) => {
    for (let round = 0; round < rounds; round++) {
      for (const name of rotated(libraryNames, round)) {
        const work = (pair: Pair) => measure(pair, comparison[name]);
        await progress.step(`${name}: ${doing}`, () => pairs.with(name, work));
      }
    }
  };
  const climb = async (name: LibraryName, pair: Pair) => {
    for (const level of levels) {
      const measure = () => measureLevel(pair, level, comparison[name]);
      await progress.step(`${name}: ${level} idle connections`, measure);
    }
  };
  try {
    await alternate(`${coldClients} clients at once`, measureCold);
    for (const name of libraryNames) await pairs.with(name, (pair) => climb(name, pair));
    await alternate("round trips", measureRoundTrips);
  } finally {
    pairs.close();
  }
}
