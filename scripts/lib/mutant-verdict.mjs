/** Whether the tests can tell a mutant from the code as it should be. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { endsWithin } from "./mutant-run.mjs";
import { tools } from "./paths.mjs";

/** Milliseconds for a test, for the tests that a mutant names, for the whole suite. */
const limits = { test: "10000", named: 120_000, suite: 900_000, stress: 180_000 };

const suite = ["test/conformance", "test/native"];

/**
 * The tests that the mutant names, then, unless `quick`, everything else.
 * @returns {Promise<string | undefined>} what killed it; undefined: it survived
 */
export async function killerOf(copy, mutant, { quick }) {
  for (const { file, test } of mutant.kills) {
    for (const waker of mutant.wakers) {
      const failed = await failing(copy, waker, [file, ...(test ? ["-t", test] : [])], limits.named);
      if (failed) return failed;
    }
  }
  if (quick) return undefined;
  for (const waker of ["loop", "thread"]) {
    const failed = await failing(copy, waker, suite, limits.suite);
    if (failed) return failed;
  }
  const args = ["scripts/stress.mjs", "--seconds", "20"];
  const { code, late } = await endsWithin(limits.stress, process.execPath, args, copy);
  if (late) return "the stress program, which hangs";
  return code === 0 ? undefined : "the stress program";
}

/**
 * What is wrong with the tests that the mutants name, before any of them is applied: a test that fails as it is would
 * kill everything, and a name that no test has nothing. Undefined when all is well.
 */
export async function wrongBefore(copy, mutants) {
  const kills = mutants.flatMap((mutant) => mutant.kills.map((kill) => ({ ...kill, mutant })));
  if (kills.length === 0) return undefined;
  const files = [...new Set(kills.map(({ file }) => file))];
  for (const waker of ["loop", "thread"]) {
    const names = new Set();
    const failed = await failing(copy, waker, files, limits.suite, names);
    if (failed) return `this fails without any mutant: ${failed}`;
    const lost = kills.find(({ test }) => test && ![...names].some((name) => new RegExp(test).test(name)));
    if (lost) return `${lost.mutant.name} names a test that does not exist: ${lost.file} -t "${lost.test}"`;
  }
  return undefined;
}

/** The first test that fails, with its waker. Adds the names of all to `names`. */
async function failing(copy, waker, args, limit, names = new Set()) {
  const report = join(copy.folder, "report.json");
  const vitest = ["run", "--bail=1", "--reporter=json", `--outputFile.json=${report}`, ...args];
  const { code, output, late } = await endsWithin(limit, process.execPath, [tools.vitest, ...vitest], {
    folder: copy.folder,
    env: { PORTSIDE_WAKER: waker, PORTSIDE_TEST_TIMEOUT: limits.test },
  });
  const tests = testsOf(report);
  for (const { fullName } of tests) names.add(fullName);
  const first = tests.find(({ status }) => status === "failed")?.fullName;
  if (late) return `a hang of ${args.join(" ")} [${waker}]`;
  if (code === 0) return undefined;
  return `${first ?? `a crash of ${args.join(" ")}: ${output.trim().split("\n").at(-1)}`} [${waker}]`;
}

function testsOf(report) {
  if (!existsSync(report)) return []; // vitest ended before it wrote one
  const { testResults } = JSON.parse(readFileSync(report, "utf8"));
  rmSync(report);
  return testResults.flatMap(({ assertionResults }) => assertionResults);
}
