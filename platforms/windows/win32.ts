import { createRequire } from "node:module";
import { isMainThread } from "node:worker_threads";

/** A process's handle, as Windows counts them; -1 is the calling process. */
export type ProcessHandle = number | bigint;

/** PROCESS_MEMORY_COUNTERS, in bytes. */
export interface MemoryCounters {
  size: number;
  pageFaults: number;
  peakWorkingSet: number;
  workingSet: number;
  peakPagedPool: number;
  pagedPool: number;
  peakNonPagedPool: number;
  nonPagedPool: number;
  committed: number;
  peakCommitted: number;
}

/** PERFORMANCE_INFORMATION; all but the page size and the three counts are in pages. */
export interface PerformanceInformation {
  size: number;
  committed: number;
  commitLimit: number;
  commitPeak: number;
  physicalTotal: number;
  physicalAvailable: number;
  systemCache: number;
  kernelTotal: number;
  kernelPaged: number;
  kernelNonPaged: number;
  pageSize: number;
  handles: number;
  processes: number;
  threads: number;
}

type Out<T> = [T];

/** The functions of Windows that Node does not offer. */
export interface Win32 {
  readonly self: ProcessHandle;
  openProcess(access: number, inherit: number, pid: number): ProcessHandle;
  closeHandle(handle: ProcessHandle): number;
  getHandleCount(process: ProcessHandle, count: Out<number>): number;
  getTimes(
    process: ProcessHandle,
    created: Out<number>,
    exited: Out<number>,
    kernel: Out<number>,
    user: Out<number>,
  ): number;
  getMemory(process: ProcessHandle, counters: MemoryCounters, size: number): number;
  getPerformance(information: PerformanceInformation, size: number): number;
  getWorkingSet(process: ProcessHandle, least: Out<number>, most: Out<number>, flags: Out<number>): number;
  setWorkingSet(process: ProcessHandle, least: number, most: number, flags: number): number;
  /** Of ntdll: 0, or a status. */
  querySystem(what: number, into: Uint8Array, size: number, needed: Out<number>): number;
  lastError(): number;
  readonly memoryCountersSize: number;
  readonly performanceInformationSize: number;
  /** Of Wine, such as "8.0"; undefined on Windows. */
  readonly wineVersion: string | undefined;
}

let loaded: Win32 | undefined;

/** Through koffi, on the main thread only: koffi ends the process when its worker is terminated within a call. */
export function win32(): Win32 {
  if (!isMainThread)
    throw new Error("Windows' figures can be had on the main thread only; ask for them there.");
  loaded ??= load();
  return loaded;
}

function load(): Win32 {
  const koffi = createRequire(import.meta.url)("koffi") as typeof import("koffi");
  const memoryCounters = koffi.struct("PROCESS_MEMORY_COUNTERS", {
    size: "uint32_t",
    pageFaults: "uint32_t",
    peakWorkingSet: "size_t",
    workingSet: "size_t",
    peakPagedPool: "size_t",
    pagedPool: "size_t",
    peakNonPagedPool: "size_t",
    nonPagedPool: "size_t",
    committed: "size_t",
    peakCommitted: "size_t",
  });
  const performanceInformation = koffi.struct("PERFORMANCE_INFORMATION", {
    size: "uint32_t",
    committed: "size_t",
    commitLimit: "size_t",
    commitPeak: "size_t",
    physicalTotal: "size_t",
    physicalAvailable: "size_t",
    systemCache: "size_t",
    kernelTotal: "size_t",
    kernelPaged: "size_t",
    kernelNonPaged: "size_t",
    pageSize: "size_t",
    handles: "uint32_t",
    processes: "uint32_t",
    threads: "uint32_t",
  });
  const kernel32 = koffi.load("kernel32.dll");
  const ntdll = koffi.load("ntdll.dll");
  // A handle is as wide as a pointer; a FILETIME, two words of 32 bits, reads as one number of 64.
  const call = (prototype: string) => kernel32.func(prototype) as unknown;
  const functions = {
    openProcess: call("intptr_t OpenProcess(uint32_t access, int inherit, uint32_t pid)"),
    closeHandle: call("int CloseHandle(intptr_t handle)"),
    getHandleCount: call("int GetProcessHandleCount(intptr_t process, _Out_ uint32_t *count)"),
    getTimes: call(
      "int GetProcessTimes(intptr_t process, _Out_ uint64_t *created, _Out_ uint64_t *exited," +
        " _Out_ uint64_t *kernel, _Out_ uint64_t *user)",
    ),
    getMemory: call(
      "int K32GetProcessMemoryInfo(intptr_t process, _Inout_ PROCESS_MEMORY_COUNTERS *counters, uint32_t size)",
    ),
    getPerformance: call("int K32GetPerformanceInfo(_Inout_ PERFORMANCE_INFORMATION *into, uint32_t size)"),
    getWorkingSet: call(
      "int GetProcessWorkingSetSizeEx(intptr_t process, _Out_ size_t *least, _Out_ size_t *most," +
        " _Out_ uint32_t *flags)",
    ),
    setWorkingSet: call(
      "int SetProcessWorkingSetSizeEx(intptr_t process, size_t least, size_t most, uint32_t flags)",
    ),
    querySystem: ntdll.func(
      "uint32_t NtQuerySystemInformation(int what, _Out_ uint8_t *into, uint32_t size, _Out_ uint32_t *needed)",
    ) as unknown,
    lastError: call("uint32_t GetLastError()"),
  };
  return {
    ...(functions as Omit<
      Win32,
      "self" | "memoryCountersSize" | "performanceInformationSize" | "wineVersion"
    >),
    self: -1,
    memoryCountersSize: koffi.sizeof(memoryCounters),
    performanceInformationSize: koffi.sizeof(performanceInformation),
    wineVersion: wineVersionBy(ntdll),
  };
}

// Only Wine's ntdll has this function.
function wineVersionBy(ntdll: ReturnType<typeof import("koffi")["load"]>): string | undefined {
  try {
    return (ntdll.func("str wine_get_version()") as () => string)();
  } catch {
    return undefined;
  }
}
