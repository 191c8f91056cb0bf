/** npm test: builds what has changed, then runs the suite once per waker. Arguments go to vitest. */
import { build } from "./lib/build.mjs";
import { main } from "./lib/fail.mjs";
import { runSuite } from "./lib/suite.mjs";
import { Tally } from "./lib/tally.mjs";

await main(async () => {
  await build({ quiet: true });
  const tally = new Tally();
  await runSuite(tally, { args: process.argv.slice(2) });
  tally.close();
});
