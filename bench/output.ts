import { mkdirSync, writeFileSync } from "node:fs";
import os from "node:os";
import { join } from "node:path";
import process from "node:process";
import Table from "cli-table3";
import { results } from "./paths.js";
import type { Section } from "./report.js";
import type { Measurements, RunOptions } from "./rounds.js";
import { judge } from "./targets.js";

/** For the terminal: no colours, so that a file gets the same. */
export function asText({ title, head, rows }: Section): string {
  const align = head.map((_, column) => (column === 0 ? "left" : "right"));
  const table = new Table({ head, colAligns: align, style: { head: [], border: [], compact: true } });
  table.push(...rows);
  return `${title}\n${table.toString()}\n`;
}

function asMarkdown({ title, head, rows }: Section): string {
  const line = (cells: string[]) => `| ${cells.join(" | ")} |`;
  const rule = head.map((_, column) => (column === 0 ? "---" : "---:"));
  return [`## ${title}`, "", ...[head, rule, ...rows].map(line), ""].join("\n");
}

/** The machine and the run, which every figure depends on. */
function circumstances({ rounds, seconds }: RunOptions): Record<string, string | number> {
  const cpus = os.cpus();
  return {
    date: new Date().toISOString(),
    node: process.version,
    os: `${os.type()} ${os.release()} ${os.arch()}`,
    cpu: `${cpus.length} × ${cpus[0]?.model.trim() ?? "unknown"}`,
    rounds,
    seconds,
  };
}

/** Samples of every round, medians are left to the reader; times in µs, timers in ms, memory in bytes. */
export function asJson(options: RunOptions, measurements: Measurements): string {
  const traffic = Object.fromEntries(
    [...measurements.traffic].map(([name, samples]) => [name, Object.fromEntries(samples)]),
  );
  const run = {
    ...circumstances(options),
    traffic,
    timer: Object.fromEntries(measurements.timer),
    idle: Object.fromEntries(measurements.idle),
    targets: judge(measurements),
  };
  return `${JSON.stringify(run, null, 2)}\n`;
}

/** Writes bench/results/<name>.json and .md; returns their paths. */
export function save(
  name: string,
  options: RunOptions,
  measurements: Measurements,
  tables: Section[],
): string[] {
  const facts = Object.entries(circumstances(options)).map(([key, value]) => `${key}: ${value}`);
  const markdown = [`# Benchmark: ${name}`, "", facts.join("; "), "", ...tables.map(asMarkdown)].join("\n");
  const files: [string, string][] = [
    [join(results, `${name}.json`), asJson(options, measurements)],
    [join(results, `${name}.md`), markdown],
  ];
  mkdirSync(results, { recursive: true });
  for (const [path, content] of files) writeFileSync(path, content);
  return files.map(([path]) => path);
}
