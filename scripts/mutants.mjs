/**
 * npm run mutants: makes the code wrong in one place after the other, each time in a copy of the project, and sees
 * whether the tests can tell. CONTRIBUTING.md says how to add a mutant. Not part of .ci/run: it takes long.
 */
import Table from "cli-table3";
import { Command, InvalidArgumentError } from "commander";
import { Failure, main } from "./lib/fail.mjs";
import { Copy } from "./lib/mutant-copy.mjs";
import { applied, readMutants } from "./lib/mutant-list.mjs";
import { killAll } from "./lib/mutant-run.mjs";
import { beforehand, killerOf } from "./lib/mutant-verdict.mjs";
import { root } from "./lib/paths.mjs";

function positive(text) {
  if (!/^[1-9]\d?$/.test(text)) throw new InvalidArgumentError("It must be a whole number, 1 to 99.");
  return Number(text);
}

const options = new Command("npm run mutants --")
  .description("Applies the mutants of test/mutants/ one after the other, and tells which the tests kill.")
  .option("--only <names...>", "these mutants only; a name may be the beginning of several")
  .option("--from <name>", "begin with this one, in the order of --list")
  .option("--list", "print the mutants, and whether they apply")
  .option("--jobs <number>", "so many at a time, each in a copy of its own", positive, 1)
  .option(
    "--no-check",
    "do not run the named tests on the code as it is first, as after a run that was stopped",
  )
  .option("--quick", "only the tests that a mutant names, not the whole suite after them")
  .parse()
  .opts();

/** @typedef {{ mutant: import("./lib/mutant-list.mjs").Mutant, outcome: string, killed?: boolean, wrong?: boolean }} Result */

/** @type {Result[]} */
const results = [];
/** @type {Set<Copy>} */
const copies = new Set();

function chosen() {
  let mutants = readMutants();
  if (options.from !== undefined) {
    const first = mutants.findIndex(({ name }) => name === options.from);
    if (first < 0) throw new Failure(`there is no mutant "${options.from}".`);
    mutants = mutants.slice(first);
  }
  if (options.only === undefined) return mutants;
  const exact = new Set(mutants.map(({ name }) => name));
  const wanted = (name) => options.only.some((it) => (exact.has(it) ? name === it : name.startsWith(it)));
  mutants = mutants.filter(({ name }) => wanted(name));
  if (mutants.length === 0) throw new Failure(`no mutant is called ${options.only.join(" or ")}.`);
  return mutants;
}

/** @returns {Promise<Result>} */
async function tried(copy, mutant) {
  copy.restore();
  try {
    copy.write(applied(mutant, copy.folder));
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { mutant, outcome: error.message, wrong: true };
  }
  const complaint = await copy.build();
  if (complaint !== "") {
    const line = complaint.split("\n").find((it) => /error/i.test(it)) ?? complaint;
    return { mutant, outcome: `does not compile: ${line.trim()}`, wrong: true };
  }
  const killer = await killerOf(copy, mutant, options);
  if (mutant.equivalent === undefined) {
    return { mutant, killed: killer !== undefined, outcome: killer ?? "survived" };
  }
  if (killer === undefined) return { mutant, killed: false, outcome: `equivalent: ${mutant.equivalent}` };
  return { mutant, killed: true, wrong: true, outcome: `called equivalent, but killed by ${killer}` };
}

async function made() {
  const copy = new Copy();
  copies.add(copy);
  await copy.fill();
  return copy;
}

async function work(copy, queue) {
  for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
    const begin = Date.now();
    told(await tried(copy, mutant), begin);
  }
}

function told(/** @type {Result} */ result, begin = Date.now()) {
  results.push(result);
  const verdict = result.wrong ? "WRONG   " : result.killed ? "killed  " : "survived";
  const seconds = Math.round((Date.now() - begin) / 1000);
  console.log(`${verdict} ${result.mutant.name} (${seconds} s): ${result.outcome}`);
}

function report() {
  for (const copy of copies) copy.remove();
  if (results.length === 0) return;
  const table = new Table({
    head: ["mutant", "what it does wrong", "killed by"],
    colWidths: [30, 60, 60],
    wordWrap: true,
  });
  for (const { mutant, outcome } of results) table.push([mutant.name, mutant.says, outcome]);
  console.log(table.toString());
  const wrong = results.filter((result) => result.wrong);
  for (const { mutant, outcome } of wrong) console.log(`${mutant.name}: ${outcome}`);
  const judged = results.filter((result) => result.killed !== undefined);
  const killed = judged.filter((result) => result.killed).length;
  const survivors = judged.filter((result) => !result.killed);
  const shown = survivors.filter(({ mutant }) => mutant.equivalent !== undefined).length;
  const note = shown > 0 ? ` (${shown} of them shown to change nothing)` : "";
  if (wrong.length > 0) console.log(`${wrong.length} to be put right, told above`);
  console.log(`${killed} killed, ${survivors.length} survived${note}`);
  if (wrong.length > 0 || survivors.length > shown) process.exitCode = 1;
}

function list(mutants) {
  let missing = 0;
  for (const mutant of mutants) {
    let note = "";
    try {
      applied(mutant, root);
    } catch (error) {
      note = `\n    ${error.message}`;
      missing++;
    }
    console.log(`${mutant.name}: ${mutant.says}${note}`);
  }
  console.log(`${mutants.length} mutants${missing > 0 ? `, ${missing} of which do not apply` : ""}`);
  if (missing > 0) process.exitCode = 1;
}

await main(async () => {
  const mutants = chosen();
  if (options.list) return list(mutants);
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.on(signal, () => {
      killAll();
      report();
      process.exit(130);
    });
  }
  try {
    const first = await made();
    const { failed, lost } = options.check ? await beforehand(first, mutants) : { lost: [] };
    if (failed) throw new Failure(`this fails without any mutant: ${failed}.`);
    for (const { mutant, outcome } of lost) told({ mutant, outcome, wrong: true });
    const queue = mutants.filter((mutant) => !lost.some((it) => it.mutant === mutant));
    const others = Array.from({ length: Math.min(options.jobs, queue.length) - 1 }, made);
    await Promise.all([first, ...others].map(async (copy) => work(await copy, queue)));
  } finally {
    killAll();
    report();
  }
});
