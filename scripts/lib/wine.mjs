/** Runs Windows' programs on Linux: under Wine, in a prefix (a Windows of its own) in the cache. */
import { spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "./fail.mjs";
import { follow } from "./follow.mjs";
import { cache, root } from "./paths.mjs";
import { mingwCompiler } from "./prerequisites.mjs";
import { run } from "./run.mjs";

const prefix = join(cache, "wine");
const environment = { WINEPREFIX: prefix, WINEARCH: "win64", WINEDEBUG: "-all" };
const lock = join(cache, "wine.lock");
const signals = ["SIGINT", "SIGTERM"];

/** A path of ours as Windows' programs see it. */
export function windowsPath(path) {
  return `Z:${path.replaceAll("/", "\\")}`;
}

/**
 * Calls `body` with a function that runs a program of Windows and takes what run() takes. However `body` ends, and also
 * when a signal ends us, no process of the prefix is left.
 * @param {(runUnderWine: typeof run) => Promise<void>} body
 */
export async function withWine(body) {
  takeLock();
  const interrupted = (signal) => {
    end();
    console.error(`portside: ${signal} ended this run; nothing of it is left under Wine.`);
    process.exit(130);
  };
  for (const signal of signals) process.once(signal, interrupted);
  try {
    await preparePrefix();
    await body(runUnderWine);
  } finally {
    for (const signal of signals) process.removeListener(signal, interrupted);
    end();
  }
}

/** Its output goes into a file, as node.exe cannot write into a pipe of Linux, and from there to us as it grows. */
async function runUnderWine(program, args, { quiet = false, env = {}, ...options } = {}) {
  const path = join(cache, "wine-output.txt"); // one at a time, as the lock is ours
  const file = openSync(path, "w");
  const following = quiet ? undefined : follow(path);
  try {
    const result = await run("wine", [program, ...args], {
      ...options,
      file,
      env: { ...env, ...environment },
    });
    return { ...result, output: quiet ? readFileSync(path, "utf8") : "" };
  } finally {
    following?.close();
    closeSync(file);
  }
}

/** Ends every process of the prefix and waits until they are gone. */
function end() {
  const env = { ...process.env, ...environment };
  for (const option of ["--kill", "--wait"]) spawnSync("wineserver", [option], { env });
  rmSync(lock, { force: true });
}

/** Two runs in one prefix would end each other's processes. */
function takeLock() {
  mkdirSync(cache, { recursive: true });
  const owner = existsSync(lock) ? Number(readFileSync(lock, "utf8")) : 0;
  if (owner > 0 && isAlive(owner)) {
    throw new Failure(
      `process ${owner} is using Wine in this checkout: wait for its end, or use another checkout.`,
    );
  }
  writeFileSync(lock, String(process.pid));
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function preparePrefix() {
  const { output: version } = await run("wine", ["--version"], { quiet: true });
  const ready = join(prefix, "portside.txt");
  if (existsSync(ready) && readFileSync(ready, "utf8") === version) return;
  console.error("Preparing Wine; this takes a quarter of a minute, once …");
  rmSync(prefix, { recursive: true, force: true });
  mkdirSync(prefix, { recursive: true });
  await succeed("wineboot", ["--init"]);
  await succeed("winecfg", ["-v", "win10"]); // node.exe refuses an older Windows
  await addMissingLibrary();
  writeFileSync(ready, version);
}

async function succeed(program, args) {
  const { code, output } = await runUnderWine(program, args, { quiet: true, limit: 120_000 });
  if (code === 0) return;
  process.stderr.write(output);
  throw new Failure(`Wine could not be prepared (${program} ended with ${code}): see its messages above.`);
}

/** Wine before 9 lacks one library of Windows that vitest's bundler needs. */
async function addMissingLibrary() {
  const library = join(prefix, "drive_c", "windows", "system32", "bcryptprimitives.dll");
  if (existsSync(library)) return;
  const source = join(root, "test", "support", "wine", "bcryptprimitives.cpp");
  const args = ["-shared", "-static", "-O1", source, "-ladvapi32", "-o", library];
  const { code, output } = await run(mingwCompiler, args, { quiet: true });
  if (code === 0) return;
  process.stderr.write(output);
  throw new Failure(`${source} did not compile: the compiler's messages above say where.`);
}
