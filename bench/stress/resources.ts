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

/** The socket and the objects of a connection take more than this: if each one left them behind, it would show. */
const leakPerConnection = 300;

// What varies by itself. The heap is exact after a collection, but for code that the compiler adds and drops. Resident
// memory is what the allocators keep: arenas that fill differently from round to round, most of all with V8's young
// generation (16 MiB, twice) and the threads' heaps.
const heapMayVary = 4 << 20;
const residentMayVary = 48 << 20;

/** What has grown beyond what varies by itself, while so many connections came and went. */
export function growth(before: Resources, after: Resources, connections: number): string[] {
  const complaints: string[] = [];
  const leak = leakPerConnection * connections;
  if (after.descriptors > before.descriptors) {
    complaints.push(`descriptors rose from ${before.descriptors} to ${after.descriptors}`);
  }
  if (after.heap - before.heap > heapMayVary + leak) {
    complaints.push(`JavaScript's memory grew by ${after.heap - before.heap} bytes`);
  }
  if (after.resident - before.resident > residentMayVary + leak) {
    complaints.push(`resident memory grew by ${after.resident - before.resident} bytes`);
  }
  return complaints;
}
