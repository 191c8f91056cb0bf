/** npm run attack: hostile programs at random, over an addon built with sanitizers; --plain: over the usual one. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { buildAddon } from "./lib/addon.mjs";
import { build } from "./lib/build.mjs";
import { main } from "./lib/fail.mjs";
import { addonPath, root } from "./lib/paths.mjs";
import { sanitizerEnvironment, sanitizerLinkerFlags } from "./lib/sanitizers.mjs";
import { Tally } from "./lib/tally.mjs";

const folder = "build-asan"; // the same as npm run test:asan's

await main(async () => {
  await build({ quiet: true });
  const environment = process.argv.includes("--plain") ? {} : await sanitized();
  const { attack } = await import(pathToFileURL(join(root, "dist/bench/attack/run.js")).href);
  const { rounds, broken } = await attack(environment);
  const tally = new Tally();
  tally.add({ passed: rounds - broken, failed: broken });
  tally.close();
});

async function sanitized() {
  await buildAddon({
    folder,
    quiet: true,
    variables: ["PORTSIDE_SANITIZE=ON", `CMAKE_SHARED_LINKER_FLAGS=${sanitizerLinkerFlags}`],
  });
  return { ...(await sanitizerEnvironment()), PORTSIDE_ADDON: addonPath(folder) };
}
