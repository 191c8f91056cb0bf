/** Holds the reports of a run under Wine against the list of what Wine cannot do. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { root } from "./paths.mjs";
import { windowsPath } from "./wine.mjs";

const list = "test/support/wine_gaps.ts";
const most = 14;

/**
 * What is wrong with the list or with what was skipped, in sentences.
 * @param {readonly object[]} reports vitest's
 * @param {readonly string[]} args vitest's: -t skips tests by itself
 */
export async function gapProblems(reports, args) {
  const gaps = await readGaps();
  const tests = reports.flatMap((report) => report.testResults.flatMap(testsOf));
  const problems = gaps
    .filter((gap) => isGone(gap, tests))
    .map((gap) => `${list} names a test that is not there: ${nameOf(gap)}`);
  if (gaps.length > most)
    problems.push(`${list} has ${gaps.length} entries; more than ${most} are too many.`);
  if (args.some((arg) => /^(-t|--testNamePattern)/.test(arg))) return problems;
  const allowed = new Set(gaps.map(nameOf));
  const others = tests.filter(({ status }) => status !== "passed" && status !== "failed").map(nameOf);
  for (const name of new Set(others)) {
    if (!allowed.has(name)) problems.push(`a test was skipped that ${list} does not name: ${name}`);
  }
  return problems;
}

/** TypeScript that Node 20 cannot import by itself. */
async function readGaps() {
  const source = readFileSync(join(root, list), "utf8");
  const options = { compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 } };
  const { outputText } = ts.transpileModule(source, options);
  const { wineGaps } = await import(`data:text/javascript,${encodeURIComponent(outputText)}`);
  return wineGaps;
}

function testsOf({ name, assertionResults }) {
  // vitest under Wine writes "Z:/home/…".
  const folder = windowsPath(root).replaceAll("\\", "/");
  const file = name.replaceAll("\\", "/").replace(`${folder}/`, "");
  return assertionResults.map(({ ancestorTitles, title, status }) => ({
    file,
    test: [...ancestorTitles, title].join(" > "),
    status,
  }));
}

/** A file that did not run this time, or that did not load, tells nothing about its tests. */
function isGone(gap, tests) {
  if (!existsSync(join(root, gap.file))) return true;
  const ofFile = tests.filter(({ file }) => file === gap.file);
  return ofFile.length > 0 && !ofFile.some(({ test }) => test === gap.test);
}

function nameOf({ file, test }) {
  return `${file} > ${test}`;
}
