/** Shows what another process writes into a file, as it writes it. */
import { closeSync, openSync, readSync } from "node:fs";

/** Begins at the file's start; close() shows what is left and ends it. */
export function follow(path) {
  const file = openSync(path, "r");
  const chunk = Buffer.alloc(65536);
  const show = () => {
    for (let size = readSync(file, chunk); size > 0; size = readSync(file, chunk)) {
      process.stdout.write(chunk.toString("utf8", 0, size));
    }
  };
  const timer = setInterval(show, 250);
  return {
    close() {
      clearInterval(timer);
      show();
      closeSync(file);
    },
  };
}
