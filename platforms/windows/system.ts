import { createRequire } from "node:module";
import { release } from "node:os";
import { isMainThread } from "node:worker_threads";
import { addonCandidates } from "../rooms.js";
import type { System } from "../system.js";
import { openHandles, processorTimeOf, residentMemoryOf } from "./resources.js";
import { win32 } from "./win32.js";

// "Pushing the Limits of Windows: Handles" (M. Russinovich): what a process's handle table can hold. Memory, above all
// the kernel's non-paged pool, ends before.
const mostHandles = 16_777_216;

let limit = mostHandles;

/** The engine's own limit: Windows has none that could be lowered. */
function limitSockets(sockets: number): void {
  const require = createRequire(import.meta.url);
  const path = addonCandidates()[0] as string;
  (require(path) as { limitSockets(limit: number): void }).limitSockets(sockets);
}

function describe(): string {
  // A worker may not call koffi, and then cannot tell Wine from Windows.
  const wine = isMainThread ? win32().wineVersion : undefined;
  return wine === undefined ? `Windows ${release()}` : `Wine ${wine} (as Windows ${release()})`;
}

export const system: System = {
  get description() {
    return describe();
  },

  // libuv has a completion port of its own, and no handle that could watch another one.
  loopIsNestable: () => false,

  descriptorLimit: () => limit,
  raiseDescriptorLimit: () => limit, // it is as high as it can be

  lowerDescriptorLimit(sockets) {
    limitSockets(sockets);
    limit = sockets;
  },

  openDescriptors: openHandles,

  emulated: () => win32().wineVersion !== undefined,

  // Not by koffi: stats() reads it in workers too.
  ownResidentMemory: () => process.memoryUsage.rss(),
  residentMemory: residentMemoryOf,
  processorTime: processorTimeOf,

  // Not pinned: "cmd /c start /affinity" would do it, but the process we were given would be cmd's, and measurements
  // look at its memory and time.
  pinned: (_cpu, command, args) => [command, [...args]],
};
