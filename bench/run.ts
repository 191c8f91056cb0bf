// npm run bench: Portside, node:net and a hand-written C server under the same load, side by side.
import process from "node:process";
import { Command, InvalidArgumentError } from "commander";
import { system } from "../platforms/rooms.js";
import { buildNativePrograms } from "./build.js";
import { asJson, asText, save } from "./output.js";
import { measureAgainst } from "./processes.js";
import { Progress } from "./progress.js";
import { sections } from "./report.js";
import { countFailures, countSteps, planRun, type RunOptions, runPlans } from "./rounds.js";

interface Options extends RunOptions {
  against?: string;
  save?: string;
  json?: boolean;
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError("It must be a number above 0.");
  return value;
}

function count(text: string): number {
  const value = positive(text);
  if (!Number.isInteger(value)) throw new InvalidArgumentError("It must be a whole number.");
  return value;
}

function pattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch {
    throw new InvalidArgumentError("It must be a regular expression.");
  }
}

function fileName(text: string): string {
  if (!/^[\w.-]+$/.test(text)) throw new InvalidArgumentError("It must be a plain file name.");
  return text;
}

function parse(): Options {
  return new Command("npm run bench --")
    .description("Server CPU per operation, latency, memory and timers: Portside, node:net and C.")
    .option("--rounds <n>", "rounds of every scenario and peer, interleaved", count, 3)
    .option("--seconds <s>", "length of one measurement", positive, 2)
    .option(
      "--only <regex>",
      "scenarios: echo-64x64 echo-64x1000 echo-16kx64 connect timer idle",
      pattern,
      /./,
    )
    .option("--against <folder>", "measure another checkout, built there, beside this one")
    .option("--save <name>", "keep the results in bench/results/<name>.json and .md", fileName)
    .option("--json", "print JSON instead of tables")
    .parse()
    .opts<Options>();
}

async function main(): Promise<void> {
  const options = parse();
  if (options.against !== undefined) measureAgainst(options.against);
  const { plans, measurements } = planRun(options);
  if (plans.length === 0)
    throw new Error(`No scenario matches ${options.only}; npm run bench -- --help lists them.`);
  buildNativePrograms();
  system.raiseDescriptorLimit();
  const progress = new Progress(countSteps(plans));
  try {
    await runPlans(plans, progress);
  } finally {
    progress.stop();
  }
  const tables = sections(measurements);
  if (options.json) process.stdout.write(asJson(options, measurements));
  else console.log(tables.map(asText).join("\n"));
  const failures = countFailures(measurements);
  if (failures > 0) {
    console.error(`${failures} messages did not come back as they were sent: these figures prove nothing.`);
    process.exitCode = 1;
  }
  if (options.save === undefined) return;
  for (const path of save(options.save, options, measurements, tables)) console.error(`written: ${path}`);
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
