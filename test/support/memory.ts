import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc") as () => void;

/** Collects garbage and writes over the memory that became free, so that whoever still uses it is found out. */
export async function collectGarbage(): Promise<void> {
  for (let round = 0; round < 3; round++) {
    gc();
    const garbage: Uint8Array[] = [];
    for (let index = 0; index < 200; index++) garbage.push(new Uint8Array(1 << (8 + (index % 9))).fill(0xdd));
    garbage.push(new Uint8Array(9 * 1024 * 1024).fill(0xdd));
    // Some memory is freed by tasks of the loop.
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
