/** Lists the project's C and C++ files. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { root } from "./paths.mjs";

const folders = ["native", "platforms", "bench", "test"];
const skipped = new Set(["node_modules", "build", "dist"]);

/** Paths relative to the root, sorted. */
export function nativeSources() {
  return folders.flatMap((folder) => walk(folder)).sort();
}

function walk(folder) {
  let entries;
  try {
    entries = readdirSync(join(root, folder), { withFileTypes: true });
  } catch (error) {
    if (error.code === "ENOENT") return [];
    throw error;
  }
  return entries.flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return skipped.has(entry.name) ? [] : walk(path);
    return /\.(c|cc|cpp|h|hpp)$/.test(entry.name) ? [path] : [];
  });
}
