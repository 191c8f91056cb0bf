/** npm run build:windows: the addon for Windows into build-windows/, on another system. "--quiet" as npm run build. */
import { main } from "./lib/fail.mjs";
import { buildForWindows } from "./lib/windows.mjs";

await main(() => buildForWindows({ quiet: process.argv.includes("--quiet") }));
