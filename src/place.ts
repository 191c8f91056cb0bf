import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { exists } from "./environment.js";

/** The folder of the package that this code is part of, and what its package.json says. */
export interface Place {
  readonly root: string;
  readonly version: string;
  /** The packages with binaries that belong to this version. */
  readonly binaries: Readonly<Record<string, string>>;
  /** Whether this is the repository, from which everything can be built. */
  readonly checkout: boolean;
}

interface Manifest {
  name?: unknown;
  version?: string;
  optionalDependencies?: Record<string, string>;
}

/** Undefined where this code no longer lies in its package: a bundler took it out. */
export function findPlace(): Place | undefined {
  // Bundlers leave no URL in the CommonJS that they write, or the bundle's.
  const here: unknown = import.meta.url;
  if (typeof here !== "string" || !here.startsWith("file:")) return undefined;
  // This file is dist/src/place.js in the package.
  const root = fileURLToPath(new URL("../../", here));
  const manifest = readManifest(`${root}package.json`);
  if (manifest.name !== "portside") return undefined;
  return {
    root,
    version: manifest.version ?? "",
    binaries: manifest.optionalDependencies ?? {},
    checkout: exists(`${root}scripts/build.mjs`),
  };
}

function readManifest(path: string): Manifest {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Manifest;
  } catch (error) {
    // Where this process may not read (Deno), the addon's own error will say so.
    return /^E(NOENT|NOTDIR|ISDIR)$/.test(String((error as { code?: unknown }).code))
      ? {}
      : { name: "portside" };
  }
}
