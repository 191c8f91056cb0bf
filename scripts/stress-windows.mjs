/** npm run stress:windows: what `npm run stress` does, built for Windows and run under Wine. */
import { main } from "./lib/fail.mjs";
import { launchUnderWine } from "./lib/launch-windows.mjs";

await main(() => launchUnderWine("dist/bench/stress/run.js"));
