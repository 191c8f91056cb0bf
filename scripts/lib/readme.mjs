/** The programs that README.md shows. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "./fail.mjs";
import { root } from "./paths.mjs";

/** The first TypeScript snippet below a heading. */
export function snippet(heading) {
  const text = readFileSync(join(root, "README.md"), "utf8");
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`));
  const code = /```ts\n([\s\S]*?)```/.exec(section ?? "")?.[1];
  if (!code) throw new Failure(`README.md has no snippet below "${heading}".`);
  return code;
}
