import Table from "cli-table3";
import type { Resources } from "./resources.js";
import type { StressReport } from "./stress.js";

const style = { head: [], border: [], compact: true };

/** What was done, and how it ended. */
export function operationsTable({ ledger }: StressReport): string {
  const table = new Table({
    head: ["operation", "begun", "done", "cancelled", "failed"],
    colAligns: ["left", "right", "right", "right", "left"],
    style,
  });
  for (const [kind, { begun, done, canceled, failed }] of [...ledger.accounts].sort()) {
    const codes = [...failed].map(([code, count]) => `${code} ${count}`).join(", ");
    table.push([kind, begun, done, canceled, codes]);
  }
  return table.toString();
}

/** What it cost, before and after. */
export function resourcesTable({ before, after }: StressReport): string {
  const table = new Table({
    head: ["at rest", "warm", "at the end"],
    colAligns: ["left", "right", "right"],
    style,
  });
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
  const row = (what: string, figure: (resources: Resources) => number | string) =>
    table.push([what, figure(before), figure(after)]);
  row("descriptors", ({ descriptors }) => descriptors);
  row("JavaScript's memory, MB", ({ heap }) => megabytes(heap));
  row("resident memory, MB", ({ resident }) => megabytes(resident));
  return table.toString();
}
