/** The whole build: prerequisites, native addon, TypeScript. */
import { existsSync } from "node:fs";
import { buildAddon } from "./addon.mjs";
import { addonPath } from "./paths.mjs";
import { checkPrerequisites } from "./prerequisites.mjs";
import { buildTypeScript } from "./typescript.mjs";

/** quiet: one line when something may take long, and the tools' output only when they fail. */
export async function build({ quiet = false } = {}) {
  await checkPrerequisites();
  if (quiet && !existsSync(addonPath("build")))
    console.error("Building Portside; the first time takes a minute …");
  await buildAddon({ quiet });
  await buildTypeScript({ quiet });
}
