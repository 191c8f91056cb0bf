// npm start: the main job. 3000 clients and an echo server, memory, idle CPU and round trips: Portside at both
// ends, then node:net at both ends.
import process from "node:process";
import { Command, InvalidArgumentError } from "commander";
import { Progress } from "../progress.js";
import { emptyComparison, jobSteps, runJob } from "./job.js";
import { libraryNames } from "./libraries.js";
import { host } from "./library.js";
import { serve } from "./serve.js";
import { comparisonTable } from "./table.js";

interface Options {
  serve?: number;
  host: string;
}

function portNumber(text: string): number {
  if (!/^\d+$/.test(text) || Number(text) > 65535) {
    throw new InvalidArgumentError("It must be a port: 0 to 65535, 0 is any free one.");
  }
  return Number(text);
}

function parse(): Options {
  return new Command("npm start --")
    .description("Compares Portside with node:net on this machine, in about 30 seconds.")
    .option("--serve <port>", "leave a Portside echo server running on this port instead", portNumber)
    .option("--host <address>", "where --serve listens", host)
    .parse()
    .opts<Options>();
}

/** The main job; returns the exit code. */
async function compare(): Promise<number> {
  const comparison = emptyComparison();
  const progress = new Progress(jobSteps);
  const print = () => {
    progress.stop();
    console.log(comparisonTable(comparison));
  };
  process.once("SIGINT", () => {
    print();
    console.log("Interrupted: this is what was measured so far.");
    process.exit(130);
  });
  try {
    await runJob(comparison, progress);
  } finally {
    print();
  }
  const losing = libraryNames.filter((name) => comparison[name].failures > 0);
  for (const name of losing) {
    console.error(`${name}: ${comparison[name].failures} clients did not get every byte back.`);
  }
  if (losing.length === 0) console.log("Every byte came back.");
  return losing.includes("Portside") ? 1 : 0; // what node:net loses is no failure of ours
}

try {
  const options = parse();
  if (options.serve === undefined) process.exitCode = await compare();
  else await serve(options.host, options.serve);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
