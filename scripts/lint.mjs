/**
 * npm run lint: Biome over TypeScript, JavaScript and JSON; clang-format and clang-tidy over C and C++; actionlint over
 * the workflows.
 */
import { clangTidy } from "./lib/clang-tidy.mjs";
import { Failure, main } from "./lib/fail.mjs";
import { tools } from "./lib/paths.mjs";
import { run } from "./lib/run.mjs";
import { nativeSources } from "./lib/sources.mjs";
import { checkWorkflows } from "./lib/workflows.mjs";

async function node(...args) {
  return (await run(process.execPath, args)).code === 0;
}

const checks = {
  biome: () => node(tools.biome, "ci", "."),
  "clang-format": () => node(tools.clangFormat, "--dry-run", "-Werror", ...nativeSources()),
  "clang-tidy": async () => (await clangTidy()) === 0,
  actionlint: async () => (await checkWorkflows()) === 0,
};

await main(async () => {
  const complaining = [];
  for (const [name, check] of Object.entries(checks)) {
    console.log(`== ${name}`);
    if (!(await check())) complaining.push(name);
  }
  if (complaining.length === 0) return;
  throw new Failure(
    `${complaining.join(", ")} complained: "npm run format" mends layout, the rest is yours to mend.`,
  );
});
