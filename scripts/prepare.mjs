/**
 * npm runs this after `npm ci`, and where somebody installs a clone's folder or the repository's URL. Where nothing is
 * compiled, whoever imports the package shall read what to do: `npm run build` replaces what is written here.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { root } from "./lib/paths.mjs";

const entry = join(root, "dist", "src", "index.js");

/** The values that the package exports: without them an import would fail over the first name it asks for. */
function exportedNames() {
  const source = readFileSync(join(root, "src", "index.ts"), "utf8");
  const lists = [...source.matchAll(/^export \{([^}]*)\}/gm)].flatMap(([, list]) => list.split(","));
  return lists.map((name) => name.trim()).filter((name) => name !== "" && !name.startsWith("type "));
}

const program = `// Written by scripts/prepare.mjs: nothing is compiled here yet.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const message = existsSync(root + "scripts/build.mjs")
  ? 'this checkout of Portside is not built: run "npm ci && npm run build" in ' + root
  : "Portside was installed from its repository, which holds nothing compiled (" + root + "): clone it, " +
    'run "npm ci && npm run build" there, and install that folder';
throw Object.assign(new Error(message), { code: "ERR_PORTSIDE_NOT_BUILT" });
${exportedNames()
  .map((name) => `export const ${name} = undefined;`)
  .join("\n")}
`;

if (!existsSync(entry)) {
  mkdirSync(dirname(entry), { recursive: true });
  rmSync(join(root, "dist", ".tsbuildinfo"), { force: true }); // it would take this file for compiled
  writeFileSync(entry, program);
}
