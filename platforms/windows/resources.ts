import {
  type MemoryCounters,
  type PerformanceInformation,
  type ProcessHandle,
  type Win32,
  win32,
} from "./win32.js";

// What a Windows process uses of the things that run out: handles, locked memory, the kernel's non-paged pool. For
// tests and tools; main thread only.

/** Bytes of memory that Windows lets this process keep, at the least and at the most. */
export interface WorkingSet {
  least: number;
  most: number;
}

/** Bytes of the kernel's memory that is never paged out: sockets, posted operations, locked buffers live there. */
export interface NonPagedPool {
  /** Charged to this process. */
  own: number;
  /** Of the whole machine. */
  machine: number;
}

const queryLimitedInformation = 0x1000;
const readMemory = 0x0010;

export function workingSet(): WorkingSet {
  const calls = win32();
  const least: [number] = [0];
  const most: [number] = [0];
  check(calls, "GetProcessWorkingSetSizeEx", calls.getWorkingSet(calls.self, least, most, [0]));
  return { least: Number(least[0]), most: Number(most[0]) };
}

/**
 * Raises the working set, so that the pages of many operations at once can be locked (otherwise
 * ERROR_WORKING_SET_QUOTA, which arrives as `ENOMEM`). Never lowers it; returns what it is now.
 */
export function raiseWorkingSet(least: number): WorkingSet {
  const calls = win32();
  const now = workingSet();
  if (now.least >= least) return now;
  // The upper limit keeps its distance; both stay soft (no flags), as Windows has them by default.
  const most = Math.max(now.most, least + now.most - now.least);
  check(calls, "SetProcessWorkingSetSizeEx", calls.setWorkingSet(calls.self, least, most, 0));
  return workingSet();
}

export function nonPagedPool(): NonPagedPool {
  const calls = win32();
  const { kernelNonPaged, pageSize } = performanceOf(calls);
  return {
    own: Number(memoryOf(calls, calls.self).nonPagedPool),
    machine: Number(kernelNonPaged) * Number(pageSize),
  };
}

/** Handles open in this process. */
export function openHandles(): number {
  const calls = win32();
  const count: [number] = [0];
  check(calls, "GetProcessHandleCount", calls.getHandleCount(calls.self, count));
  return count[0] === 0 ? listedHandles(calls) : count[0];
}

// Wine counts 0 there; it has the list of all handles (SYSTEM_HANDLE_INFORMATION_EX, 64 bits) for us to count.
function listedHandles(calls: Win32): number {
  const extendedHandleInformation = 64;
  const list = Buffer.alloc(8 << 20);
  const status = calls.querySystem(extendedHandleInformation, list, list.length, [0]);
  if (status !== 0) throw new Error(`NtQuerySystemInformation fails with 0x${status.toString(16)}`);
  const [head, size, owner] = [16, 40, 8];
  let own = 0;
  for (let index = list.readUInt32LE(0) - 1; index >= 0; index--) {
    if (list.readUInt32LE(head + index * size + owner) === process.pid) own++;
  }
  return own;
}

/** Bytes of memory that a process holds. */
export function residentMemoryOf(pid: number): number {
  return withProcess(pid, queryLimitedInformation | readMemory, (calls, handle) =>
    Number(memoryOf(calls, handle).workingSet),
  );
}

/** User and system time of a process, in microseconds. */
export function processorTimeOf(pid: number): number {
  return withProcess(pid, queryLimitedInformation, (calls, handle) => {
    const kernel: [number] = [0];
    const user: [number] = [0];
    check(calls, "GetProcessTimes", calls.getTimes(handle, [0], [0], kernel, user));
    return (Number(kernel[0]) + Number(user[0])) / 10; // in 100 ns
  });
}

function memoryOf(calls: Win32, handle: ProcessHandle): MemoryCounters {
  const counters = { size: calls.memoryCountersSize } as MemoryCounters;
  check(calls, "GetProcessMemoryInfo", calls.getMemory(handle, counters, calls.memoryCountersSize));
  return counters;
}

function performanceOf(calls: Win32): PerformanceInformation {
  const information = { size: calls.performanceInformationSize } as PerformanceInformation;
  check(calls, "GetPerformanceInfo", calls.getPerformance(information, calls.performanceInformationSize));
  return information;
}

function withProcess<T>(pid: number, access: number, body: (calls: Win32, handle: ProcessHandle) => T): T {
  const calls = win32();
  const handle = calls.openProcess(access, 0, pid);
  if (Number(handle) === 0) check(calls, `OpenProcess(${pid})`, 0);
  try {
    return body(calls, handle);
  } finally {
    calls.closeHandle(handle);
  }
}

function check(calls: Win32, name: string, succeeded: number): void {
  if (succeeded === 0) throw new Error(`${name} fails with ${calls.lastError()}`);
}
