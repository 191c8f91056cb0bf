/**
 * prepack and postpack of the packages in platforms/, run in their folders: puts the binary that was built here and
 * what npm has to know about it into the package, and with "--undo" takes everything out again.
 */
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { architectureOf } from "./lib/binary.mjs";
import { Failure, main } from "./lib/fail.mjs";
import { addonPath, root } from "./lib/paths.mjs";

/** By the package's folder: the system as npm calls it, and the build folders, the likeliest first. */
const packages = {
  linux: { os: "linux", folders: ["build"] },
  windows: { os: "win32", folders: process.platform === "win32" ? ["build"] : ["build-windows"] },
  macos: { os: "darwin", folders: ["build"] },
  freebsd: { os: "freebsd", folders: ["build"] },
};

const folder = process.cwd();
const inside = (name) => join(folder, name);

function change(edit) {
  const manifest = JSON.parse(readFileSync(inside("package.json"), "utf8"));
  edit(manifest);
  writeFileSync(inside("package.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
}

function undo() {
  for (const name of ["portside.node", "LICENSE"]) rmSync(inside(name), { force: true });
  change((manifest) => {
    for (const field of ["os", "cpu", "libc"]) delete manifest[field];
  });
}

function pack() {
  const { os, folders } = packages[basename(folder)];
  const binary = folders.map(addonPath).find(existsSync);
  if (!binary) throw new Failure(`there is no binary for ${os} to pack: run "npm run build" on ${os} first.`);
  const cpu = architectureOf(binary, os);
  copyFileSync(binary, inside("portside.node"));
  copyFileSync(join(root, "LICENSE"), inside("LICENSE"));
  change((manifest) => {
    // Not there at other times: npm refuses a workspace of another system.
    Object.assign(manifest, { os: [os], cpu: [cpu] }, os === "linux" ? { libc: [libc()] } : {});
  });
}

/** The C library that this Node, and so the addon, is linked with. */
function libc() {
  return process.report.getReport().header.glibcVersionRuntime ? "glibc" : "musl";
}

await main(() => {
  undo(); // also what an interrupted pack left
  if (!process.argv.includes("--undo")) pack();
});
