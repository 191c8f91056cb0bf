/** Compiles the TypeScript sources into dist/. */
import { Failure } from "./fail.mjs";
import { tools } from "./paths.mjs";
import { run } from "./run.mjs";

export async function buildTypeScript({ quiet = false } = {}) {
  // The incremental state lives in dist/, so that removing dist/ makes a full build.
  const args = [tools.tsc, "--incremental", "--tsBuildInfoFile", "dist/.tsbuildinfo"];
  const { code, output } = await run(process.execPath, args, { quiet });
  if (code === 0) return;
  process.stderr.write(output);
  throw new Failure("the TypeScript sources did not compile: the messages above say where.");
}
