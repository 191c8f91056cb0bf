/** Runs a compiled program under Wine, built for Windows, on Windows' Node 22. */
import { join } from "node:path";
import { nodeBinary } from "./node-versions.mjs";
import { root } from "./paths.mjs";
import { checkWine } from "./prerequisites.mjs";
import { buildForWindows, windowsEnvironment } from "./windows.mjs";
import { windowsPath, withWine } from "./wine.mjs";

/** Runs a program of dist/ with our arguments; its exit code becomes ours. */
export async function launchUnderWine(program) {
  await checkWine();
  await buildForWindows({ quiet: true });
  const args = [windowsPath(join(root, program)), ...process.argv.slice(2)];
  const env = await windowsEnvironment();
  await withWine(async (runUnderWine) => {
    const { code } = await runUnderWine(await nodeBinary(22, "win32"), args, { env });
    process.exitCode = code;
  });
}
