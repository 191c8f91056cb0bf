import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { release } from "node:os";
import { isMainThread } from "node:worker_threads";
import type { System } from "../system.js";

// getrlimit(2) and setrlimit(2), through koffi: Node offers neither, and this is far off the hot path.
interface Limits {
  soft: bigint | number;
  hard: bigint | number;
}
interface LimitCalls {
  get(resource: number, limits: Limits): number;
  set(resource: number, limits: Limits): number;
}

const descriptors = 7; // RLIMIT_NOFILE
let calls: LimitCalls | undefined;
let raised: number | undefined;

function limitCalls(): LimitCalls {
  if (calls) return calls;
  const koffi = createRequire(import.meta.url)("koffi") as typeof import("koffi");
  const libc = koffi.load(null); // whatever C library this process has: glibc and musl name theirs differently
  const limits = koffi.struct({ soft: "uint64_t", hard: "uint64_t" });
  calls = {
    get: libc.func("getrlimit", "int", [
      "int",
      koffi.out(koffi.pointer(limits)),
    ]) as unknown as LimitCalls["get"],
    set: libc.func("setrlimit", "int", ["int", koffi.pointer(limits)]) as unknown as LimitCalls["set"],
  };
  return calls;
}

// proc(5) tells the limit too, but cannot change it.
let lastListed = 0;
function listedLimit(): number {
  try {
    const match = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1"));
    if (match) lastListed = Number(match[1]);
  } catch {
    // The process is out of descriptors, or may not read the file: the limit is what it was.
  }
  return lastListed;
}

function readLimits(): { soft: number; hard: number } {
  const limits: Limits = { soft: 0, hard: 0 };
  if (limitCalls().get(descriptors, limits) !== 0) throw new Error("getrlimit(RLIMIT_NOFILE) fails");
  return { soft: Number(limits.soft), hard: Number(limits.hard) };
}

// Main thread only: koffi ends the process when its worker is terminated within one of its calls, and the limit is the
// whole process's. Returns what the limit is then: where koffi does not load (a system that it has no binary for, a
// runtime that forbids it), it stays as it is.
function raise(): number {
  try {
    const { soft, hard } = readLimits();
    const refused = soft < hard && limitCalls().set(descriptors, { soft: hard, hard }) !== 0;
    return refused ? soft : hard;
  } catch {
    return listedLimit();
  }
}

// proc(5): the second field of /proc/<pid>/statm is the resident set, in pages; 4096 bytes on what Node runs on, but
// for a few arm64 kernels, which /proc/<pid>/status (in kB) tells right everywhere.
function residentOf(pid: number | "self"): number {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(status);
  return match ? Number(match[1]) * 1024 : 0;
}

// A process that is out of descriptors, or that may not read the file (Deno), cannot open it: then the most it ever held
// is the next best answer, and none where the runtime does not know that.
function ownResident(): number {
  try {
    return residentOf("self");
  } catch {
    const { resourceUsage } = process as Partial<typeof process>; // Deno before 2.1 lacks it
    return (resourceUsage?.().maxRSS ?? 0) * 1024;
  }
}

const ticksPerSecond = 100; // USER_HZ, the same on every architecture Node runs on (proc(5), sysconf(3))

export const system: System = {
  get description() {
    return `Linux ${release()}`;
  },

  // Bun has no libuv below it and ends the process in uv_poll_init; Deno fires a poll handle once only.
  loopIsNestable: () => process.versions.bun === undefined && process.versions.deno === undefined,

  descriptorLimit: () => (calls ? readLimits().soft : listedLimit()),

  raiseDescriptorLimit() {
    if (!isMainThread) return listedLimit();
    raised ??= raise();
    return raised;
  },

  lowerDescriptorLimit(limit) {
    const { hard } = readLimits();
    if (limitCalls().set(descriptors, { soft: limit, hard }) !== 0)
      throw new Error("setrlimit(RLIMIT_NOFILE) fails");
    raised = limit;
  },

  openDescriptors: () => readdirSync("/proc/self/fd").length - 1, // one is the reading's own

  emulated: () => false,

  ownResidentMemory: ownResident,
  residentMemory: (pid) => residentOf(pid),

  processorTime(pid) {
    // Fields 14 and 15, counted behind the command's name, which may hold anything (proc(5)).
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return ((Number(fields[11]) + Number(fields[12])) * 1_000_000) / ticksPerSecond;
  },

  pinned: (cpu, command, args) => ["taskset", ["-c", String(cpu), command, ...args]],
};
