/**
 * npm run test:windows: builds for Windows, then runs the conformance suite under Wine. "--node 22" chooses one version
 * of Node; the other arguments go to vitest.
 */
import { main } from "./lib/fail.mjs";
import { nodeBinary } from "./lib/node-versions.mjs";
import { checkWine } from "./lib/prerequisites.mjs";
import { runSuite } from "./lib/suite.mjs";
import { Tally } from "./lib/tally.mjs";
import { chosenVersions } from "./lib/versions.mjs";
import { buildForWindows, windowsEnvironment } from "./lib/windows.mjs";
import { withWine } from "./lib/wine.mjs";
import { gapProblems } from "./lib/wine-gaps.mjs";

/** Those that Wine 8 can run. */
const versions = [20, 22];

await main(async () => {
  await checkWine();
  await buildForWindows({ quiet: true });
  const env = {
    ...(await windowsEnvironment()),
    PORTSIDE_TEST_WINE: "1", // test/support/wine_setup.ts
    // node.exe takes a file for a colourful console.
    ...(process.stdout.isTTY ? {} : { NO_COLOR: "1" }),
    PORTSIDE_TEST_TIMEOUT: "60000", // milliseconds; everything is several times slower
  };
  const { chosen, args } = chosenVersions(process.argv.slice(2), versions);
  const tally = new Tally();
  await withWine(async (runUnderWine) => {
    for (const version of chosen) {
      const reports = await runSuite(tally, {
        label: `Windows' Node ${version} under Wine`,
        node: await nodeBinary(version, "win32"),
        among: ["thread"],
        start: runUnderWine,
        limit: 13 * 60_000,
        env,
        args,
      });
      const problems = await gapProblems(reports, args);
      for (const problem of problems) console.log(problem);
      tally.add({ failed: problems.length, failures: problems });
    }
  });
  tally.close();
});
