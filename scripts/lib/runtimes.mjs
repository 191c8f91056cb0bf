/** Fetches other runtimes of JavaScript and a bundler; the npm registry carries them as packages with binaries. */
import { chmodSync, existsSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "./fail.mjs";
import { install } from "./install.mjs";
import { cache } from "./paths.mjs";

const suffix = process.platform === "win32" ? ".exe" : "";

export const bunVersion = "1.4.5";
/** The newest, and the oldest that has what Portside needs. */
export const denoVersions = ["2.9.6", "2.2.0", "2.0.0"];
export const esbuildVersion = "0.28.2";

export function bunBinary() {
  const os = process.platform === "win32" ? "windows" : process.platform;
  const cpu = process.arch === "arm64" ? "aarch64" : process.arch;
  return binary(`@oven/bun-${os}-${cpu}`, bunVersion, join("bin", `bun${suffix}`));
}

export function denoBinary(version) {
  const name = `@deno/${process.platform}-${process.arch}${process.platform === "linux" ? "-glibc" : ""}`;
  return binary(name, version, `deno${suffix}`);
}

export function esbuildBinary() {
  const file = process.platform === "win32" ? "esbuild.exe" : join("bin", "esbuild");
  return binary(`@esbuild/${process.platform}-${process.arch}`, esbuildVersion, file);
}

async function binary(name, version, file) {
  const folder = join(cache, `${name.split("/").join("-")}-${version}`);
  const path = join(folder, "node_modules", ...name.split("/"), file);
  if (!existsSync(path)) await install(folder, [`${name}@${version}`]);
  if (!existsSync(path)) throw new Failure(`the npm package ${name}@${version} does not hold ${path}.`);
  chmodSync(path, 0o755); // some are packed without it, as their install script sets it
  return path;
}
