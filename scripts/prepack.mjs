/** prepack of the root package: dist/ as it has to be in the package, compiled from what is there now and nothing else. */
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { main } from "./lib/fail.mjs";
import { root } from "./lib/paths.mjs";
import { buildTypeScript } from "./lib/typescript.mjs";

/** What was compiled from a source that is gone. */
function removeStale(folder) {
  for (const entry of readdirSync(join(root, "dist", folder), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const source = path.replace(join(root, "dist"), root).replace(/(\.d\.ts|\.js|\.js\.map)$/, ".ts");
    if (!existsSync(source)) rmSync(path);
  }
}

await main(async () => {
  await buildTypeScript({ quiet: true });
  for (const folder of ["src", "platforms"]) removeStale(folder);
});
