/** npm run build: the native addon into build/, the TypeScript into dist/. "--quiet" prints failures only. */
import { build } from "./lib/build.mjs";
import { main } from "./lib/fail.mjs";

await main(() => build({ quiet: process.argv.includes("--quiet") }));
