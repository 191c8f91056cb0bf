/** Where things are. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The project's root folder. */
export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** What may be thrown away at any time: downloaded Node versions, test reports. */
export const cache = join(root, "node_modules", ".cache", "portside");

/** The entry file of a tool in node_modules, so that it runs with whichever node binary we choose. */
export const tools = {
  biome: join(root, "node_modules", "@biomejs", "biome", "bin", "biome"),
  clangFormat: join(root, "node_modules", "clang-format", "index.js"),
  cmakeJs: join(root, "node_modules", "cmake-js", "bin", "cmake-js"),
  tsc: join(root, "node_modules", "typescript", "bin", "tsc"),
  vitest: join(root, "node_modules", "vitest", "vitest.mjs"),
};

/** The native addon of a build folder. */
export function addonPath(buildFolder) {
  return join(root, buildFolder, "Release", "portside.node");
}
