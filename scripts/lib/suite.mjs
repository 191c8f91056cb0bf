/** Runs the test suite once per waker. */
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cache, tools } from "./paths.mjs";
import { run } from "./run.mjs";

/** The wakers to prove; PORTSIDE_WAKER narrows them to one. */
const wakers = process.env.PORTSIDE_WAKER ? [process.env.PORTSIDE_WAKER] : ["loop", "thread"];

/**
 * @param {import("./tally.mjs").Tally} tally what the tests are added to
 * @param {{ label?: string, node?: string, args?: readonly string[], env?: Record<string, string> }} [options]
 *   label: printed in each run's heading; node: the node binary, default ours; args: passed on to vitest
 */
export async function runSuite(tally, { label = "", node = process.execPath, args = [], env = {} } = {}) {
  mkdirSync(cache, { recursive: true });
  for (const waker of wakers) {
    console.log(`\n== tests${label && `, ${label}`}, waker ${waker}`);
    const report = join(cache, `report-${process.pid}.json`);
    const { code } = await run(
      node,
      [tools.vitest, "run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`, ...args],
      { env: { ...env, PORTSIDE_WAKER: waker } },
    );
    tally.add(count(report, code));
  }
}

/** Reads vitest's report. A run that went wrong outside any test (a crash, a file that does not load) counts. */
function count(report, code) {
  let results = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, testResults: [] };
  try {
    results = JSON.parse(readFileSync(report, "utf8"));
  } catch {
    // vitest ended before it wrote one; its exit code says the rest
  }
  rmSync(report, { force: true });
  const brokenFiles = results.testResults.filter(
    (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
  );
  const failed = results.numFailedTests + brokenFiles.length;
  return {
    passed: results.numPassedTests,
    failed: failed === 0 && code !== 0 ? 1 : failed,
    skipped: results.numPendingTests,
  };
}
