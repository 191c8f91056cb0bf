/** npm run stress: builds what has changed, then runs the stress program with the arguments given. */
import { build } from "./lib/build.mjs";
import { main } from "./lib/fail.mjs";
import { launch } from "./lib/launch.mjs";

await main(async () => {
  await build({ quiet: true });
  await launch("dist/bench/stress/run.js");
});
