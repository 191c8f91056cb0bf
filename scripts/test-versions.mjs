/** npm run test:versions: the suite on the other supported versions of Node, with the same addon. */
import { build } from "./lib/build.mjs";
import { main } from "./lib/fail.mjs";
import { nodeBinary } from "./lib/node-versions.mjs";
import { runSuite } from "./lib/suite.mjs";
import { Tally } from "./lib/tally.mjs";

const versions = [22, 24];

await main(async () => {
  await build({ quiet: true });
  const tally = new Tally();
  for (const version of versions) {
    const node = await nodeBinary(version);
    await runSuite(tally, { label: `Node ${version}`, node, args: process.argv.slice(2) });
  }
  tally.close();
});
