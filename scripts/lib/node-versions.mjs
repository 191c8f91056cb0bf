/** Fetches other versions of Node, to run the tests on. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "./fail.mjs";
import { install } from "./install.mjs";
import { cache } from "./paths.mjs";

/**
 * The path of the node binary of a major version; the npm registry carries them as packages.
 * @param {number} major
 * @param {NodeJS.Platform} platform
 */
export async function nodeBinary(major, platform = process.platform) {
  const windows = platform === "win32";
  const name = `node-${windows ? "win" : platform}-${process.arch}`;
  const folder = join(cache, platform === process.platform ? `node-${major}` : `node-${major}-${platform}`);
  const binary = join(folder, "node_modules", name, "bin", windows ? "node.exe" : "node");
  if (!existsSync(binary)) await install(folder, [`${name}@${major}`]);
  if (!existsSync(binary)) throw new Failure(`the npm package ${name}@${major} does not hold ${binary}.`);
  return binary;
}
