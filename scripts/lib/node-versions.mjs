/** Fetches other versions of Node, to run the tests on. */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "./fail.mjs";
import { cache } from "./paths.mjs";
import { run } from "./run.mjs";

const windows = process.platform === "win32";

/** The path of the node binary of a major version; the npm registry carries them as packages. */
export async function nodeBinary(major) {
  const name = `node-${windows ? "win" : process.platform}-${process.arch}`;
  const folder = join(cache, `node-${major}`);
  const binary = join(folder, "node_modules", name, "bin", windows ? "node.exe" : "node");
  if (!existsSync(binary)) {
    mkdirSync(folder, { recursive: true });
    const args = [
      "install",
      "--prefix",
      folder,
      "--no-audit",
      "--no-fund",
      "--ignore-scripts",
      `${name}@${major}`,
    ];
    // npm hands this project's settings on to what it runs; in another folder this one is refused.
    const options = { quiet: true, cwd: folder, env: { npm_config_allow_scripts: undefined } };
    const { code, output } = await run(windows ? "npm.cmd" : "npm", args, options);
    if (code !== 0 || !existsSync(binary)) {
      process.stderr.write(output);
      throw new Failure(
        `Node ${major} could not be installed from the npm package ${name}: see npm's messages above.`,
      );
    }
  }
  return binary;
}
