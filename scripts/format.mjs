/** npm run format: formats every file in place and applies Biome's safe fixes. */
import { main } from "./lib/fail.mjs";
import { tools } from "./lib/paths.mjs";
import { run } from "./lib/run.mjs";
import { nativeSources } from "./lib/sources.mjs";

await main(async () => {
  const biome = await run(process.execPath, [tools.biome, "check", "--write", "."]);
  const clang = await run(process.execPath, [tools.clangFormat, "-i", ...nativeSources()]);
  process.exitCode = biome.code || clang.code;
});
