/** npm run start:windows: what `npm start` does, built for Windows and run under Wine on Windows' Node 22. */
import { join } from "node:path";
import { main } from "./lib/fail.mjs";
import { nodeBinary } from "./lib/node-versions.mjs";
import { root } from "./lib/paths.mjs";
import { checkWine } from "./lib/prerequisites.mjs";
import { buildForWindows, windowsEnvironment } from "./lib/windows.mjs";
import { windowsPath, withWine } from "./lib/wine.mjs";

await main(async () => {
  await checkWine();
  await buildForWindows({ quiet: true });
  const program = windowsPath(join(root, "dist", "bench", "main-job", "start.js"));
  const args = [program, ...process.argv.slice(2)];
  const env = await windowsEnvironment();
  await withWine(async (runUnderWine) => {
    const { code } = await runUnderWine(await nodeBinary(22, "win32"), args, { env });
    process.exitCode = code;
  });
});
