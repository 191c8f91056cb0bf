import Table from "cli-table3";
import { median } from "../statistics.js";
import { type Comparison, coldClients, type Findings, levels, tripConnections } from "./job.js";
import { type LibraryName, libraryNames } from "./libraries.js";

/** One line of the table: a figure of each library, and Portside's as a multiple of the other's. */
interface Line {
  what: string;
  digits: number;
  /** The figures are too close to nothing for a ratio to mean anything. */
  noRatio?: boolean;
  figure(findings: Findings): number | undefined;
}

function medianOf(values: number[]): number | undefined {
  return values.length === 0 ? undefined : median(values);
}

function trips(key: "perSecond" | "p50" | "p99"): Line["figure"] {
  return ({ roundTrips }) => medianOf(roundTrips.map((round) => round[key]));
}

function levelLines(): Line[] {
  const at = (findings: Findings, connections: number) =>
    findings.levels.find((level) => level.connections === connections);
  const megabytes = (bytes: number | undefined) => (bytes === undefined ? undefined : bytes / 1e6);
  const memory = levels.map((level): Line => {
    const figure = (findings: Findings) => megabytes(at(findings, level)?.resident);
    return { what: `server memory, ${level} connections, MB`, digits: 1, figure };
  });
  const idle = levels.map((level): Line => {
    const figure = (findings: Findings) => at(findings, level)?.idleCpu;
    return { what: `server idle CPU, ${level} connections, %`, digits: 1, noRatio: true, figure };
  });
  return [...memory, ...idle];
}

const lines: readonly Line[] = [
  {
    what: `${coldClients} clients connect and echo, cold server, ms`,
    digits: 0,
    figure: ({ cold }) => medianOf(cold),
  },
  ...levelLines(),
  {
    what: `round trips per second, ${tripConnections} connections`,
    digits: 0,
    figure: trips("perSecond"),
  },
  { what: "  round trip p50, µs", digits: 0, figure: trips("p50") },
  { what: "  round trip p99, µs", digits: 0, figure: trips("p99") },
  {
    what: "  lateness of a 5 ms timer meanwhile, p99, ms",
    digits: 1,
    figure: ({ timerLate }) => medianOf(timerLate),
  },
  { what: "failures (every byte is compared)", digits: 0, noRatio: true, figure: ({ failures }) => failures },
];

function cells({ what, digits, noRatio, figure }: Line, comparison: Comparison): string[] {
  const values = libraryNames.map((name: LibraryName) => figure(comparison[name]));
  const shown = values.map((value) => value?.toFixed(digits) ?? "–");
  const [ours, theirs] = values;
  const ratio = noRatio || ours === undefined || !theirs ? "–" : `${(ours / theirs).toFixed(2)} ×`;
  return [what, ...shown, ratio];
}

/** Both libraries side by side. Without colours, so that a file gets the same. */
export function comparisonTable(comparison: Comparison): string {
  const table = new Table({
    head: ["64-byte echo, client and server on this machine", ...libraryNames, "Portside is"],
    colAligns: ["left", "right", "right", "right"],
    style: { head: [], border: [], compact: true },
  });
  table.push(...lines.map((line) => cells(line, comparison)));
  return table.toString();
}
