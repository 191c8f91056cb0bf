/** Runs clang-tidy over the C and C++ sources, several files at once. */
import os from "node:os";
import { join } from "node:path";
import { configureAddon } from "./addon.mjs";
import { Failure } from "./fail.mjs";
import { root } from "./paths.mjs";
import { mingwCompiler } from "./prerequisites.mjs";
import { run } from "./run.mjs";
import { nativeSources } from "./sources.mjs";
import { windowsAddon } from "./windows.mjs";

/** Returns the number of files with findings, which are printed. */
export async function clangTidy() {
  const { code } = await run("clang-tidy", ["--version"], { quiet: true });
  if (code !== 0) {
    throw new Failure(
      "clang-tidy is missing: install it (on Debian and Ubuntu: apt-get install clang-tidy).",
    );
  }
  // Headers are seen through the sources.
  const files = nativeSources().filter((file) => /\.(c|cc|cpp)$/.test(file));
  const targets = [await here(), await windows()];
  let failed = 0;
  const worker = async () => {
    for (let file = files.shift(); file !== undefined; file = files.shift()) {
      const args = targets.find(({ owns }) => owns(file))?.args(file);
      if (!args) continue;
      const result = await run("clang-tidy", ["--quiet", file, ...args], { quiet: true });
      if (result.code === 0) continue;
      failed++;
      console.log(`${file}\n${result.output}`);
    }
  };
  await Promise.all(Array.from({ length: os.availableParallelism() }, worker));
  return failed;
}

/** GCC's own warning names are in the compile commands; clang-tidy need not know them. */
const foreignNames = "--extra-arg=-Wno-unknown-warning-option";

function isForWindows(file) {
  return file.startsWith("platforms/windows/") || file.startsWith("test/support/wine/");
}

async function here() {
  await configureAddon({ quiet: true });
  // Where the system has no kqueue, the test library's header is read instead.
  const folders = [`-I${root}`, `-isystem${join(root, "test/support/kqueue/include/kqueue")}`];
  const extra = folders.map((folder) => `--extra-arg=${folder}`);
  return {
    owns: (file) => !isForWindows(file),
    // A source that this machine's CMake does not compile borrows the command of the most similar one.
    args: (file) => (file.endsWith(".c") ? ["--", "-std=c17"] : ["-p", "build", foreignNames, ...extra]),
  };
}

/** The compiler's own headers are where only it knows; clang brings a part of them itself. */
async function windows() {
  const { missing, output } = await run(mingwCompiler, ["-E", "-x", "c++", "-v", "/dev/null"], {
    quiet: true,
  });
  if (missing) {
    console.log(`Nothing is said of Windows' sources, as ${mingwCompiler} is missing.`);
    return { owns: isForWindows, args: () => undefined };
  }
  await configureAddon({ quiet: true, ...windowsAddon });
  const folders = output.match(/^ \/.*\/c\+\+.*$/gm) ?? [];
  const headers = folders.map((folder) => `--extra-arg=-isystem${folder.trim()}`);
  const args = [
    "-p",
    windowsAddon.folder,
    foreignNames,
    "--extra-arg=--target=x86_64-w64-mingw32",
    ...headers,
  ];
  return { owns: isForWindows, args: () => args };
}
