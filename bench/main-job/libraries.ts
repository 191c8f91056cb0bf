import type { Library } from "./library.js";
import { nodeNet } from "./node_library.js";
import { portside } from "./portside_library.js";

/** What is compared, by the name that the table shows. */
export const libraries = { Portside: portside, "node:net": nodeNet } satisfies Record<string, Library>;

export type LibraryName = keyof typeof libraries;

export const libraryNames = Object.keys(libraries) as LibraryName[];
