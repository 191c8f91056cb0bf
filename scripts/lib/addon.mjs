/** Builds the native addon with CMake, through cmake-js. */
import { existsSync, readFileSync } from "node:fs";
import os from "node:os"; // whole: old versions of Node lack parts, and shall get as far as our sentence about them
import { join, resolve } from "node:path";
import { Failure } from "./fail.mjs";
import { root, tools } from "./paths.mjs";
import { run } from "./run.mjs";

/**
 * @typedef {object} AddonOptions
 * @property {string} [folder] the build folder; default "build"
 * @property {readonly string[]} [variables] CMake variables, "NAME=value"; they count when a folder is first made
 * @property {boolean} [quiet] show the compiler's output only when it fails; default false
 */

/** Brings the addon up to date; what has not changed is not compiled again. */
export async function buildAddon(/** @type {AddonOptions} */ options = {}) {
  // "build" alone, not "compile": that one answers a compile error by compiling everything a second time.
  await cmakeJs(isUsable(options.folder ?? "build") ? "build" : "rebuild", options);
}

/** Configures only: afterwards the folder holds compile_commands.json, where CMake drives ninja or make. */
export async function configureAddon(/** @type {AddonOptions} */ options = {}) {
  await cmakeJs(isUsable(options.folder ?? "build") ? "configure" : "reconfigure", options);
}

async function cmakeJs(command, { folder = "build", variables = [], quiet = false }) {
  const args = [
    tools.cmakeJs,
    command,
    ...["--out", folder],
    ...["--config", "Release"],
    ...["--parallel", String(os.availableParallelism())],
    "--CDCMAKE_EXPORT_COMPILE_COMMANDS=ON",
    ...variables.map((variable) => `--CD${variable}`),
    ...["--log-level", "warn"],
  ];
  const { code, output } = await run(process.execPath, args, { quiet });
  if (code === 0) return;
  process.stderr.write(output);
  throw new Failure("the native addon did not build: the compiler's messages above say where.");
}

/** Whether a build folder was configured to the end, and for the place where the project is now. */
function isUsable(folder) {
  if (!existsSync(join(root, folder, "cmake_install.cmake"))) return false;
  const variables = readFileSync(join(root, folder, "CMakeCache.txt"), "utf8");
  const home = /^CMAKE_HOME_DIRECTORY:INTERNAL=(.*)$/m.exec(variables)?.[1];
  return home !== undefined && resolve(home) === root;
}
