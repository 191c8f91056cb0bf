/** npm run test:asan: the conformance suite over an addon built with sanitizers; any report is a failure. */
import { buildAddon } from "./lib/addon.mjs";
import { main } from "./lib/fail.mjs";
import { addonPath } from "./lib/paths.mjs";
import { checkPrerequisites } from "./lib/prerequisites.mjs";
import { printReports, sanitizerEnvironment, sanitizerLinkerFlags } from "./lib/sanitizers.mjs";
import { runSuite } from "./lib/suite.mjs";
import { Tally } from "./lib/tally.mjs";
import { buildTypeScript } from "./lib/typescript.mjs";

const folder = "build-asan";

await main(async () => {
  await checkPrerequisites();
  await buildAddon({
    folder,
    quiet: true,
    variables: ["PORTSIDE_SANITIZE=ON", `CMAKE_SHARED_LINKER_FLAGS=${sanitizerLinkerFlags}`],
  });
  await buildTypeScript({ quiet: true });
  const env = {
    ...(await sanitizerEnvironment()),
    PORTSIDE_ADDON: addonPath(folder),
    PORTSIDE_TEST_SANITIZED: "1", // for tests that measure memory or time
    PORTSIDE_TEST_TIMEOUT: "90000", // milliseconds; everything is several times slower
  };
  const args = process.argv.slice(2);
  const tally = new Tally();
  await runSuite(tally, { label: "sanitizers", env, args: args.length > 0 ? args : ["test/conformance"] });
  const reports = printReports();
  console.log(`\n${reports} sanitizer report(s)`);
  tally.add({ failed: reports });
  tally.close();
});
