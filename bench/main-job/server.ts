import { performance } from "node:perf_hooks";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";

/** Resident memory in bytes; CPU use in percent of one core. */
export interface IdleUsage {
  resident: number;
  cpu: number;
}

/** Memory is what is held, not what was dropped: V8 collects, and gets the time to give pages back. */
async function collectGarbage(): Promise<void> {
  for (let round = 0; round < 2; round++) {
    globalThis.gc?.();
    await sleep(100);
  }
}

/** What this process uses while nothing happens for so many milliseconds. */
export async function idleUsage(milliseconds: number): Promise<IdleUsage> {
  await collectGarbage();
  const resident = process.memoryUsage.rss();
  const began = performance.now();
  const before = process.cpuUsage();
  await sleep(milliseconds);
  const { user, system } = process.cpuUsage(before);
  const microseconds = (performance.now() - began) * 1000;
  return { resident, cpu: ((user + system) / microseconds) * 100 };
}
