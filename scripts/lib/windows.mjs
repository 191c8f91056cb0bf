/** Builds the addon for Windows on another system, and gathers what its tests need there. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { buildAddon } from "./addon.mjs";
import { install } from "./install.mjs";
import { cache, root } from "./paths.mjs";
import { checkMingw, checkPrerequisites } from "./prerequisites.mjs";
import { buildTypeScript } from "./typescript.mjs";

export const windowsBuild = "build-windows";

/** What `npm run build` does, with an addon for Windows. */
export async function buildForWindows({ quiet = false } = {}) {
  await checkPrerequisites();
  await checkMingw();
  const toolchain = join(root, "platforms", "windows", "toolchain.cmake");
  await buildAddon({ folder: windowsBuild, quiet, variables: [`CMAKE_TOOLCHAIN_FILE=${toolchain}`] });
  await buildTypeScript({ quiet });
}

/** The packages that have a binary per system, and the one for Windows. */
const binaries = {
  koffi: "@koromix/koffi-win32-x64",
  lightningcss: "lightningcss-win32-x64-msvc",
  rolldown: "@rolldown/binding-win32-x64-msvc",
};

/**
 * A folder with the binaries for Windows of what is in node_modules, in the same versions. They are required, not
 * imported, so NODE_PATH brings them in, and node_modules stays as it is.
 */
export async function windowsBinaries() {
  const folder = join(cache, "windows");
  const installed = join(folder, "node_modules");
  const wanted = Object.entries(binaries).map(([name, binary]) => {
    const { optionalDependencies } = manifest(join(root, "node_modules", name));
    return { binary, version: optionalDependencies[binary] };
  });
  const missing = wanted.filter(
    ({ binary, version }) => manifest(join(installed, binary))?.version !== version,
  );
  if (missing.length > 0) {
    await install(
      folder,
      wanted.map(({ binary, version }) => `${binary}@${version}`),
    );
  }
  return installed;
}

function manifest(folder) {
  const path = join(folder, "package.json");
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined;
}
