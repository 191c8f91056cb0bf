/** Runs clang-tidy over the C and C++ sources, several files at once. */
import os from "node:os";
import { configureAddon } from "./addon.mjs";
import { Failure } from "./fail.mjs";
import { run } from "./run.mjs";
import { nativeSources } from "./sources.mjs";

/** Returns the number of files with findings, which are printed. */
export async function clangTidy() {
  const { code } = await run("clang-tidy", ["--version"], { quiet: true });
  if (code !== 0) {
    throw new Failure(
      "clang-tidy is missing: install it (on Debian and Ubuntu: apt-get install clang-tidy).",
    );
  }
  await configureAddon({ quiet: true });
  // Headers are seen through the sources. A source that this machine's CMake does not compile borrows the
  // command of the most similar one.
  const files = nativeSources().filter((file) => /\.(c|cc|cpp)$/.test(file));
  let failed = 0;
  const worker = async () => {
    for (let file = files.shift(); file !== undefined; file = files.shift()) {
      const result = await run("clang-tidy", ["--quiet", ...argumentsFor(file)], { quiet: true });
      if (result.code === 0) continue;
      failed++;
      console.log(`${file}\n${result.output}`);
    }
  };
  await Promise.all(Array.from({ length: os.availableParallelism() }, worker));
  return failed;
}

function argumentsFor(file) {
  if (file.endsWith(".c")) return [file, "--", "-std=c17"];
  // GCC's own warning names are in the compile commands; clang-tidy need not know them.
  return ["-p", "build", "--extra-arg=-Wno-unknown-warning-option", file];
}
