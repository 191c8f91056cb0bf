import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { release, type } from "node:os";
import { isMainThread } from "node:worker_threads";
import type { System } from "../system.js";
import { raiseSoftLimit, smallestLimit } from "./descriptor_limit.js";
import { secondsOf } from "./ps_time.js";

// getrlimit(2), setrlimit(2) and sysctlbyname(3), through koffi: Node offers none of them, and this is far off the
// hot path.
interface Limits {
  soft: bigint | number;
  hard: bigint | number;
}
interface Calls {
  get(resource: number, limits: Limits): number;
  set(resource: number, limits: Limits): number;
  isOpen(descriptor: number): boolean;
  /** Of a 32-bit setting; undefined where the system lacks it, or the whole call (OpenBSD). */
  setting(name: string): number | undefined;
}

// The same numbers on macOS and all BSDs.
const descriptors = 8; // RLIMIT_NOFILE
const getFlags = 1; // F_GETFD
/** Beyond this, none is looked for: a limit can be as good as none. */
const mostDescriptors = 1_000_000;

function optional<T>(find: () => T): T | undefined {
  try {
    return find();
  } catch {
    return undefined;
  }
}

let calls: Calls | undefined;
let raised: number | undefined;

function systemCalls(): Calls {
  if (calls) return calls;
  const koffi = createRequire(import.meta.url)("koffi") as typeof import("koffi");
  const libc = koffi.load(null); // Node itself is linked with it; its file has another name on every system
  const limits = koffi.struct({ soft: "uint64_t", hard: "uint64_t" });
  const control = libc.func("int fcntl(int, int, ...)");
  const sysctl = optional(() =>
    libc.func("sysctlbyname", "int", ["str", "void *", "void *", "void *", "size_t"]),
  );
  calls = {
    get: libc.func("getrlimit", "int", ["int", koffi.out(koffi.pointer(limits))]) as unknown as Calls["get"],
    set: libc.func("setrlimit", "int", ["int", koffi.pointer(limits)]) as unknown as Calls["set"],
    isOpen: (descriptor) => control(descriptor, getFlags) !== -1,
    setting: (name) => {
      if (!sysctl) return undefined;
      const value = new Int32Array(1);
      const size = new BigUint64Array([BigInt(value.byteLength)]);
      return sysctl(name, value, size, null, 0) === 0 ? value[0] : undefined;
    },
  };
  return calls;
}

function readLimits(): { soft: number; hard: number } {
  const limits: Limits = { soft: 0, hard: 0 };
  if (systemCalls().get(descriptors, limits) !== 0) throw new Error("getrlimit(RLIMIT_NOFILE) fails");
  return { soft: Number(limits.soft), hard: Number(limits.hard) };
}

function writeSoft(soft: number): boolean {
  const limits: Limits = { soft: 0, hard: 0 };
  if (systemCalls().get(descriptors, limits) !== 0) return false;
  // The hard limit as it was read: RLIM_INFINITY has no exact number in JavaScript.
  return systemCalls().set(descriptors, { soft, hard: limits.hard }) === 0;
}

function perProcess(): number | undefined {
  return systemCalls().setting("kern.maxfilesperproc");
}

// Main thread only: koffi ends the process when its worker is terminated within one of its calls, and the limit is the
// whole process's. Returns what the limit is then: where koffi does not load (a system that it has no binary for, a
// runtime that forbids it), it stays as it is.
function raise(): number {
  try {
    return raiseSoftLimit({ ...readLimits(), perProcess: perProcess(), set: writeSoft });
  } catch {
    return inheritedLimit();
  }
}

/** The kernel grants no more than kern.maxfilesperproc, whatever the soft limit says. */
function granted(): number {
  return Math.min(readLimits().soft, perProcess() ?? Number.POSITIVE_INFINITY);
}

// As a shell tells it, which inherits it from this process.
let inherited: number | undefined;
function inheritedLimit(): number {
  if (inherited !== undefined) return inherited;
  try {
    const ask = "ulimit -n; sysctl -n kern.maxfilesperproc 2>/dev/null || true";
    inherited = smallestLimit(execFileSync("/bin/sh", ["-c", ask], { encoding: "latin1" }));
    return inherited;
  } catch {
    return 0; // no process can be started now; the next call tries again
  }
}

function ps(column: string, pid: number): string {
  return execFileSync("ps", ["-o", `${column}=`, "-p", String(pid)], { encoding: "latin1" }).trim();
}

export const system: System = {
  get description() {
    return `${type() === "Darwin" ? "macOS, Darwin" : type()} ${release()}`;
  },

  // Bun has no libuv below it and ends the process in uv_poll_init; Deno fires a poll handle once only.
  loopIsNestable: () => process.versions.bun === undefined && process.versions.deno === undefined,

  descriptorLimit: () => (calls ? granted() : inheritedLimit()),

  raiseDescriptorLimit() {
    if (!isMainThread) return inheritedLimit();
    raised ??= raise();
    return raised;
  },

  lowerDescriptorLimit(limit) {
    if (!writeSoft(limit)) throw new Error("setrlimit(RLIMIT_NOFILE) fails");
    raised = limit;
  },

  // There is no list to read on all of them: /dev/fd may hold but three.
  openDescriptors() {
    const { isOpen } = systemCalls();
    let open = 0;
    for (let descriptor = Math.min(granted(), mostDescriptors) - 1; descriptor >= 0; descriptor--) {
      if (isOpen(descriptor)) open++;
    }
    return open;
  },

  emulated: () => false,

  ownResidentMemory: () => process.memoryUsage.rss(),
  residentMemory: (pid) => Number(ps("rss", pid)) * 1024,
  processorTime: (pid) => secondsOf(ps("time", pid)) * 1_000_000,

  // macOS has no equivalent; where a measurement must not wander, cpuset(1) of FreeBSD can start the whole of it.
  pinned: (_cpu, command, args) => [command, [...args]],
};
