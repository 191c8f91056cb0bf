/** Compiles a user's programs against the installed package, as strictly as a user can. */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "./fail.mjs";
import { root, tools } from "./paths.mjs";
import { run } from "./run.mjs";

const strict = {
  target: "es2022",
  lib: ["es2023", "esnext.disposable"],
  types: ["node"],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  verbatimModuleSyntax: true,
  skipLibCheck: false,
};

const resolutions = {
  nodenext: { module: "nodenext", moduleResolution: "nodenext" },
  bundler: { module: "esnext", moduleResolution: "bundler" },
};

/**
 * @param {string} folder a project that has Portside
 * @param {readonly string[]} files
 * @param {keyof typeof resolutions} resolution
 */
export async function compile(folder, files, resolution = "nodenext") {
  linkNodeTypes(folder);
  const options = { compilerOptions: { ...strict, ...resolutions[resolution] }, files };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(options));
  const { code, output } = await run(process.execPath, [tools.tsc, "-p", "."], { quiet: true, cwd: folder });
  if (code !== 0) throw new Failure(`tsc, moduleResolution ${resolution}:\n${output}`);
}

/** @types/node as this project has it, and what it needs. */
function linkNodeTypes(folder) {
  const modules = join(folder, "node_modules");
  mkdirSync(join(modules, "@types"), { recursive: true });
  for (const name of ["@types/node", "undici-types"]) {
    try {
      symlinkSync(join(root, "node_modules", name), join(modules, name), "junction");
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
  }
}
