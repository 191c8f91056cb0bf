/**
 * npm run test:versions: the suite on the other supported versions of Node, with the same addon. "--node 26" chooses one
 * of them; the other arguments go to vitest.
 */
import { build } from "./lib/build.mjs";
import { main } from "./lib/fail.mjs";
import { nodeBinary } from "./lib/node-versions.mjs";
import { runSuite } from "./lib/suite.mjs";
import { Tally } from "./lib/tally.mjs";
import { chosenVersions } from "./lib/versions.mjs";

const versions = [22, 24, 26];

await main(async () => {
  await build({ quiet: true });
  const tally = new Tally();
  const { chosen, args } = chosenVersions(process.argv.slice(2), versions);
  for (const version of chosen) {
    const node = await nodeBinary(version);
    await runSuite(tally, { label: `Node ${version}`, node, args });
  }
  tally.close();
});
