import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { system } from "../../platforms/rooms.js";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** What a program that leaks has more and more of. */
export interface Resources {
  descriptors: number;
  /** JavaScript's objects and buffers, in bytes. */
  heap: number;
  /** All memory of the process, in bytes. */
  resident: number;
}

/** Measured at rest, after garbage was collected; what finalizers free comes some turns of the loop later. */
export async function measure(): Promise<Resources> {
  for (let round = 0; round < 5; round++) {
    collect();
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  const { heapUsed, external } = process.memoryUsage();
  return {
    descriptors: system.openDescriptors(),
    heap: heapUsed + external,
    resident: system.ownResidentMemory(),
  };
}

// What varies by itself, however many rounds there are. Descriptors: on Windows threads are handles too, and its thread
// pool has more or fewer of them by its own lights. JavaScript's memory: what the compiler adds and drops. Resident
// memory: what allocators keep for later, most of all V8's young generation (16 MiB, twice) and malloc's arenas. Of the
// thousands of connections of a run, each would have to leave some hundred bytes, or two kilobytes, to be found out.
const descriptorsMayVary = process.platform === "win32" ? 8 : 0;
const heapMayVary = 4 << 20;
const residentMayVary = 48 << 20;

/** What has grown beyond what varies by itself. */
export function growth(before: Resources, after: Resources, judgeResident: boolean): string[] {
  const complaints: string[] = [];
  if (after.descriptors > before.descriptors + descriptorsMayVary) {
    complaints.push(`descriptors rose from ${before.descriptors} to ${after.descriptors}`);
  }
  if (after.heap - before.heap > heapMayVary) {
    complaints.push(`JavaScript's memory grew by ${after.heap - before.heap} bytes`);
  }
  if (judgeResident && after.resident - before.resident > residentMayVary) {
    complaints.push(`resident memory grew by ${after.resident - before.resident} bytes`);
  }
  return complaints;
}
