/** npm run start:windows: what `npm start` does, built for Windows and run under Wine. */
import { main } from "./lib/fail.mjs";
import { launchUnderWine } from "./lib/launch-windows.mjs";

await main(() => launchUnderWine("dist/bench/main-job/start.js"));
