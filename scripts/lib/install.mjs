/** Installs packages of the npm registry into a folder of the cache. */
import { mkdirSync } from "node:fs";
import { Failure } from "./fail.mjs";
import { run } from "./run.mjs";

/** @param {readonly string[]} packages "name@version"; also those for other systems than this one */
export async function install(folder, packages) {
  mkdirSync(folder, { recursive: true });
  const args = [
    "install",
    "--prefix",
    folder,
    "--no-audit",
    "--no-fund",
    "--ignore-scripts",
    "--force",
    ...packages,
  ];
  // npm hands this project's settings on to what it runs; in another folder this one is refused.
  const options = { quiet: true, cwd: folder, env: { npm_config_allow_scripts: undefined } };
  const { code, output } = await runNpm(args, options);
  if (code === 0) return;
  process.stderr.write(output);
  throw new Failure(`${packages.join(", ")} could not be installed: see npm's messages above.`);
}

/** Windows starts npm.cmd in a shell only, and there is a way around it: npm says where its own script is. */
export function runNpm(args, options) {
  const script = process.env.npm_execpath;
  return script ? run(process.execPath, [script, ...args], options) : run("npm", args, options);
}
