/** Builds the addon for Windows on another system, and gathers what its tests need there. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { buildAddon } from "./addon.mjs";
import { install } from "./install.mjs";
import { addonPath, cache, root } from "./paths.mjs";
import { checkMingw, checkPrerequisites } from "./prerequisites.mjs";
import { buildTypeScript } from "./typescript.mjs";
import { windowsPath } from "./wine.mjs";

/** How the addon is built for Windows, for buildAddon(). */
export const windowsAddon = {
  folder: "build-windows",
  variables: [`CMAKE_TOOLCHAIN_FILE=${join(root, "platforms", "windows", "toolchain.cmake")}`],
};

/** What `npm run build` does, with an addon for Windows. */
export async function buildForWindows({ quiet = false } = {}) {
  await checkPrerequisites();
  await checkMingw();
  await buildAddon({ ...windowsAddon, quiet });
  await buildTypeScript({ quiet });
}

/** The packages that have a binary per system, and the one for Windows. */
const binaries = {
  koffi: "@koromix/koffi-win32-x64",
  lightningcss: "lightningcss-win32-x64-msvc",
  rolldown: "@rolldown/binding-win32-x64-msvc",
};

/** Where programs of ours find the addon and those binaries, as they see it. */
export async function windowsEnvironment() {
  return {
    // The binaries are required, not imported, so this brings them in, and node_modules stays as it is.
    NODE_PATH: windowsPath(await windowsBinaries()),
    PORTSIDE_ADDON: windowsPath(addonPath(windowsAddon.folder)),
  };
}

/** A folder with the binaries for Windows of what is in node_modules, in the same versions. */
async function windowsBinaries() {
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
