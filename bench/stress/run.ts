// npm run stress: connections that do everything at random, within one process, and what must hold nevertheless.
import process from "node:process";
import { Command, InvalidArgumentError } from "commander";
import { operationsTable, resourcesTable } from "./report.js";
import { stress } from "./stress.js";

interface Options {
  seed: number;
  seconds: number;
  rounds?: number;
  connections: number;
  resident: boolean;
}

function positive(text: string): number {
  if (!/^\d{1,9}$/.test(text) || Number(text) === 0) {
    throw new InvalidArgumentError("It must be a whole number, 1 to 999999999.");
  }
  return Number(text);
}

function parse(): Options {
  return new Command("npm run stress --")
    .description("Connects, sends, receives, cancels, closes and resets at random, and checks every byte.")
    .option(
      "--seed <number>",
      "the choices of an earlier run",
      positive,
      1 + Math.floor(Math.random() * 999_999_999),
    )
    .option("--seconds <number>", "how long it takes", positive, 20)
    .option("--rounds <number>", "how many rounds it takes, instead", positive)
    .option("--connections <number>", "connections at once, in each round", positive, 100)
    .option("--no-resident", "do not judge resident memory: a sanitizer keeps what was freed")
    .parse()
    .opts<Options>();
}

const { seed, seconds, rounds: wanted, connections, resident } = parse();
console.log(`--seed ${seed} --connections ${connections}`);
const began = performance.now();
const progress = (rounds: number) =>
  wanted === undefined ? (performance.now() - began) / (seconds * 1000) : rounds / wanted;
const report = await stress({ seed, connections, resident, progress });

const { backend, waker } = report.stats;
console.log(operationsTable(report));
console.log(resourcesTable(report));
const megabytes = (report.ledger.bytes / 1e6).toFixed(1);
console.log(
  `${backend}, ${waker}: ${report.rounds} rounds, ${report.connections} connections, ${megabytes} MB compared.`,
);
const { violations } = report.ledger;
if (violations.length === 0) console.log("Nothing broke.");
for (const violation of violations.slice(0, 20)) console.error(`Broken: ${violation}.`);
if (violations.length > 20) console.error(`… and ${violations.length - 20} more.`);
// A connection that hangs would keep the process.
if (violations.length > 0) process.exit(1);
