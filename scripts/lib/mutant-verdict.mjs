/** Whether the tests can tell a mutant from the code as it should be. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { endsWithin } from "./mutant-run.mjs";
import { tools } from "./paths.mjs";

/** Milliseconds for a test, for the tests that a mutant names, for the whole suite. */
const limits = { test: "10000", named: 90_000, suite: 900_000, stress: 180_000 };

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
 * What can be said of the tests that the mutants name before any of them is applied: what fails as it is, and would kill
 * everything; and the mutants that name tests which do not exist.
 */
export async function beforehand(copy, mutants) {
  const files = [...new Set(mutants.flatMap(({ kills }) => kills.map(({ file }) => file)))];
  if (files.length === 0) return { lost: [] };
  const names = new Set();
  for (const waker of ["loop", "thread"]) {
    const failed = await failing(copy, waker, files, limits.suite, names);
    if (failed) return { failed, lost: [] };
  }
  const exists = (test) => [...names].some((name) => new RegExp(test).test(name));
  const lost = mutants.flatMap((mutant) =>
    mutant.kills
      .filter(({ test }) => test !== undefined && !exists(test))
      .map(({ file, test }) => ({
        mutant,
        outcome: `names a test that does not exist: ${file} -t "${test}"`,
      })),
  );
  return { lost };
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
