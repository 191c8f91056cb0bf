/** What a machine needs before Portside can be built, each with the sentence to print when it is missing. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "./fail.mjs";
import { root, tools } from "./paths.mjs";
import { run } from "./run.mjs";
import { atLeast } from "./versions.mjs";

const windows = process.platform === "win32";

/** Compiles only where the language is C++20 and its library came along. */
const probe = "#include <concepts>\n#include <span>\nstatic_assert(__cplusplus >= 202002L);\nint main() {}\n";

/** Throws a Failure for the first thing that is missing. */
export async function checkPrerequisites() {
  checkNode();
  checkPackages();
  await checkCmake();
  if (windows) return; // CMake finds Visual Studio by itself, and says so when there is none
  await checkMake();
  await checkCompiler();
}

function checkNode() {
  const { engines } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  if (atLeast(process.version, engines.node)) return;
  throw new Failure(
    `this is Node ${process.version}, and Portside needs Node ${engines.node}: install a newer one from https://nodejs.org.`,
  );
}

function checkPackages() {
  if (existsSync(tools.cmakeJs) && existsSync(tools.tsc)) return;
  throw new Failure('the packages Portside is built with are not installed: run "npm ci" first.');
}

async function checkCmake() {
  const lists = readFileSync(join(root, "CMakeLists.txt"), "utf8");
  const oldestCmake = /cmake_minimum_required\(VERSION ([\d.]+)/.exec(lists)?.[1] ?? "3.20";
  const { code, output } = await run("cmake", ["--version"], { quiet: true });
  if (code !== 0) {
    throw new Failure(
      `CMake is missing, and it drives the build of the native addon: install CMake ${oldestCmake} or newer${debian("cmake")}.`,
    );
  }
  const version = /version (\S+)/.exec(output)?.[1] ?? "0";
  if (atLeast(version, oldestCmake)) return;
  throw new Failure(
    `this is CMake ${version}, and the native addon needs ${oldestCmake} or newer: update CMake.`,
  );
}

/** The compiler for Windows, as platforms/windows/toolchain.cmake names it. */
export const mingwCompiler = "x86_64-w64-mingw32-g++-posix";

export async function checkMingw() {
  const { missing } = await run(mingwCompiler, ["--version"], { quiet: true });
  if (!missing) return;
  throw new Failure(
    `the compiler for Windows, ${mingwCompiler}, is missing: install mingw-w64${debian("g++-mingw-w64-x86-64-posix")}.`,
  );
}

/** Programs of Windows run under it. */
export async function checkWine() {
  for (const command of ["wine", "wineserver"]) {
    const { missing } = await run(command, ["--version"], { quiet: true });
    if (!missing) continue;
    throw new Failure(
      `${command} is missing, and the tests on Windows run under Wine: install Wine${debian("wine wine64")}.`,
    );
  }
}

async function checkMake() {
  for (const command of ["ninja", "make"]) {
    const { code } = await run(command, ["--version"], { quiet: true });
    if (code === 0) return;
  }
  throw new Failure(
    `neither ninja nor make is installed, and CMake needs one of them: install either${debian("make")}.`,
  );
}

async function checkCompiler() {
  // The same order as CMake's: the environment's choice, then the usual names.
  const candidates = process.env.CXX ? [process.env.CXX] : ["c++", "g++", "clang++"];
  for (const candidate of candidates) {
    const [command, ...args] = candidate.split(" ");
    const { code, missing } = await run(command, [...args, "-std=c++20", "-fsyntax-only", "-x", "c++", "-"], {
      quiet: true,
      input: probe,
    });
    if (missing) continue;
    if (code === 0) return;
    throw new Failure(
      `the compiler ${candidate} does not know C++20: install GCC 11, Clang 14 or newer, or point CXX at one.`,
    );
  }
  throw new Failure(
    `no C++ compiler was found (${candidates.join(", ")}): install GCC 11, Clang 14 or newer${debian("g++")}, or point CXX at one.`,
  );
}

function debian(packageName) {
  return process.platform === "linux" ? ` (on Debian and Ubuntu: apt-get install ${packageName})` : "";
}
