/** Runs the test suite once per waker. */
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cache, tools } from "./paths.mjs";
import { late, run } from "./run.mjs";

/** The wakers of this system; PORTSIDE_WAKER narrows them to one. */
const wakers = process.platform === "win32" ? ["thread"] : ["loop", "thread"];

/**
 * @typedef {object} SuiteOptions
 * @property {string} [label] printed in each run's heading
 * @property {string} [node] the node binary; default ours
 * @property {readonly string[]} [args] passed on to vitest; default: none, which is all tests
 * @property {Record<string, string>} [env] added to ours
 * @property {readonly string[]} [among] the wakers to choose from; default this system's
 * @property {number} [limit] milliseconds for each run; default none
 * @property {typeof run} [start] how to run the node binary; default as it is
 */

/**
 * @param {import("./tally.mjs").Tally} tally what the tests are added to
 * @param {SuiteOptions} [options]
 * @returns {Promise<object[]>} vitest's reports; of a run that wrote none, an empty one
 */
export async function runSuite(tally, options = {}) {
  const { label = "", node = process.execPath, args = [], env = {}, among = wakers } = options;
  const { limit, start = run } = options;
  mkdirSync(cache, { recursive: true });
  const reports = [];
  for (const waker of process.env.PORTSIDE_WAKER ? [process.env.PORTSIDE_WAKER] : among) {
    console.log(`\n== tests${label && `, ${label}`}, waker ${waker}`);
    const path = join(cache, `report-${process.pid}.json`);
    const { code } = await start(
      node,
      [tools.vitest, "run", "--reporter=default", "--reporter=json", `--outputFile.json=${path}`, ...args],
      { env: { ...env, PORTSIDE_WAKER: waker }, limit },
    );
    if (code === late) console.log(`This took longer than ${limit / 1000} seconds and was ended.`);
    const report = read(path);
    tally.add({ ...count(report, code), failures: failuresOf(report, code, label) });
    reports.push(report);
  }
  return reports;
}

function read(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    // vitest ended before it wrote one; its exit code says the rest
    return { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, testResults: [] };
  } finally {
    rmSync(path, { force: true });
  }
}

/** What failed, and the beginning of what it said: tests, files outside their tests, else the run itself. */
function failuresOf({ testResults }, code, label) {
  const failures = testResults.flatMap(({ name, status, message, assertionResults }) => {
    const tests = assertionResults.filter((test) => test.status === "failed");
    const failed = tests.map(({ fullName, failureMessages }) => [fullName, failureMessages.join("\n")]);
    if (status === "failed" && failed.length === 0) failed.push(["outside its tests", message ?? ""]);
    return failed.map(([what, text]) => `${label} ${name} > ${what}\n${beginning(text)}`);
  });
  if (failures.length > 0 || code === 0) return failures;
  return [`${label}, outside any test: it ended with code ${code}; its own output says why`];
}

function beginning(text) {
  const lines = text.split("\n").filter((line) => !line.includes("/node_modules/"));
  return lines.slice(0, 7).join("\n    ").replace(/^/, "    ");
}

/** A run that went wrong outside any test (a crash, a file that does not load) counts. */
function count(report, code) {
  const brokenFiles = report.testResults.filter(
    (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
  );
  const failed = report.numFailedTests + brokenFiles.length;
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && code !== 0 ? 1 : failed,
    skipped: report.numPendingTests,
  };
}
