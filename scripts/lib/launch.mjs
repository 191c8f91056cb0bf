/** Hands this very process over to a compiled program. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "./paths.mjs";

/**
 * Runs a program of dist/ with our arguments. In this process and not in a child, so that a signal (Ctrl-C,
 * SIGTERM) reaches the program itself and its exit code is ours.
 */
export async function launch(program) {
  const file = join(root, program);
  process.argv[1] = file;
  await import(pathToFileURL(file).href);
}
