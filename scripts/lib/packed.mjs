/** Portside as npm packs it, and projects that it is installed into. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { Failure } from "./fail.mjs";
import { runNpm } from "./install.mjs";
import { root } from "./paths.mjs";
import { run } from "./run.mjs";

/** By process.platform: the package with its binary. The same names as in platforms/rooms.ts. */
const packages = {
  linux: { name: "portside-linux", folder: "platforms/linux" },
  win32: { name: "portside-windows", folder: "platforms/windows" },
  darwin: { name: "portside-macos", folder: "platforms/bsd/macos" },
  freebsd: { name: "portside-freebsd", folder: "platforms/bsd/freebsd" },
};

/** The package that carries this system's binary. */
export const platformPackage = packages[process.platform];

/** A folder outside the project, where none of its node_modules is found; gone when `body` ends. */
export async function withFolder(body) {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "portside-package-")));
  try {
    await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Packs the root and this system's package into a folder; returns the two files. */
export async function packAll(folder) {
  const room = join(root, platformPackage.folder);
  try {
    return {
      root: await pack(root, join(folder, "root")),
      platform: await pack(room, join(folder, "platform")),
    };
  } finally {
    // npm runs postpack only where the packing went well.
    await run(process.execPath, [join(root, "scripts", "pack-binary.mjs"), "--undo"], { cwd: room });
  }
}

async function pack(from, to) {
  mkdirSync(to, { recursive: true });
  await npm(["pack", "--pack-destination", to], { cwd: from });
  return join(to, readdirSync(to)[0]);
}

/**
 * An empty project of a user, with packages installed as npm installs them, where there is no compiler.
 * @param {string} folder
 * @param {readonly string[]} packages
 * @param {{ bare?: boolean }} [options] bare: whether the compiler is out of reach; default true
 */
export async function makeProject(folder, packages, { bare = true } = {}) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  const env = bare ? { PATH: bareTools(join(folder, "bin")) } : {};
  await npm(["install", "--no-audit", "--no-fund", ...packages], { cwd: folder, env });
  return folder;
}

/** A PATH on which there is node and the shell that npm starts scripts with; nothing else. */
function bareTools(folder) {
  if (process.platform === "win32") return process.env.PATH;
  mkdirSync(folder);
  symlinkSync(process.execPath, join(folder, "node"));
  const shell = process.env.PATH.split(delimiter).find((entry) => existsSync(join(entry, "sh")));
  if (shell) symlinkSync(join(shell, "sh"), join(folder, "sh"));
  return folder;
}

async function npm(args, { cwd, env = {} }) {
  // npm hands this project's settings on to what it runs; in another folder they are not meant.
  const clean = { npm_config_allow_scripts: undefined, npm_config_local_prefix: undefined, ...env };
  const { code, output } = await runNpm(args, { quiet: true, cwd, env: clean });
  if (code !== 0) throw new Failure(`npm ${args.join(" ")} ended with ${code}:\n${output}`);
  return output;
}

/** Runs a program of a project, on this Node unless told otherwise; returns its code and all it wrote. */
export async function runIn(folder, args, { command = process.execPath, env = {} } = {}) {
  return run(command, args, {
    quiet: true,
    cwd: folder,
    env: { PORTSIDE_ADDON: undefined, PORTSIDE_BACKEND: undefined, PORTSIDE_WAKER: undefined, ...env },
    limit: 60_000,
  });
}
