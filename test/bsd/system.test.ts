import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { raiseSoftLimit, smallestLimit } from "../../platforms/bsd/descriptor_limit.js";
import { secondsOf } from "../../platforms/bsd/ps_time.js";
import { system } from "../../platforms/bsd/system.js";

const unlimited = 2 ** 63; // RLIM_INFINITY, as the BSDs have it

describe("the descriptor limit", () => {
  function raised(soft: number, hard: number, perProcess: number | undefined, accepted: number) {
    const set = (wanted: number) => wanted <= accepted;
    return raiseSoftLimit({ soft, hard, perProcess, set });
  }

  it("is raised to the hard one", () => {
    expect(raised(1024, 65_536, undefined, 65_536)).toBe(65_536);
  });

  it("is raised to kern.maxfilesperproc where the hard one is no limit, as on macOS", () => {
    expect(raised(256, unlimited, 61_440, 61_440)).toBe(61_440);
  });

  it("is raised to OPEN_MAX where more is refused, as macOS may", () => {
    expect(raised(256, unlimited, 61_440, 10_240)).toBe(10_240);
    expect(raised(256, unlimited, undefined, 10_240)).toBe(10_240);
  });

  it("stays as it is where nothing is accepted", () => {
    expect(raised(256, unlimited, 61_440, 0)).toBe(256);
  });

  it("is not lowered, but told as what is granted, where it is above kern.maxfilesperproc", () => {
    const set = () => expect.unreachable("nothing is to be set");
    expect(raiseSoftLimit({ soft: 20_000, hard: unlimited, perProcess: 12_000, set })).toBe(12_000);
  });

  it.each([
    ["256\n", 256],
    ["unlimited\n61440\n", 61_440],
    ["1024\n61440\n", 1024],
    ["unlimited\n", Number.MAX_SAFE_INTEGER],
  ])("that workers learn from a shell's %j is the smallest", (lines, limit) => {
    expect(smallestLimit(lines)).toBe(limit);
  });
});

const hasPs = spawnSync("ps", ["-o", "rss=", "-p", String(process.pid)]).status === 0;

// What of platforms/bsd/system.ts runs on any system that has ps(1).
describe.runIf(hasPs)("the BSD room's system", () => {
  it.each([
    ["0:00.05", 0.05],
    ["12:34.56", 754.56],
    ["100:00.00", 6000],
    ["01:02:03", 3723],
    ["2-03:04:05", 183_845],
    ["0:01,50", 1.5],
  ])("reads ps's processor time %s", (text, seconds) => {
    expect(secondsOf(text)).toBeCloseTo(seconds, 6);
  });

  it.each(["", "-", "5", "TIME", "1:2:3:4"])("does not take %j for a time", (text) => {
    expect(() => secondsOf(text)).toThrow("that is none");
  });

  it("tells this process's memory, and another's, alike", () => {
    const own = system.ownResidentMemory();
    const seen = system.residentMemory(process.pid);
    expect(seen).toBeGreaterThan(own / 2);
    expect(seen).toBeLessThan(own * 2);
  });

  it("tells another process's processor time", () => {
    const begin = process.cpuUsage();
    const told = system.processorTime(process.pid);
    const used = begin.user + begin.system;
    // ps counts in whole seconds on some systems.
    expect(told).toBeGreaterThan(used - 2_000_000);
    expect(told).toBeLessThan(used + 2_000_000);
  });

  it("fails for a process that is gone", () => {
    const pid = Number(execFileSync("/bin/sh", ["-c", "echo $$"], { encoding: "latin1" }));
    expect(() => system.residentMemory(pid)).toThrow();
  });

  it("counts open descriptors", () => {
    const before = system.openDescriptors();
    const file = openSync(process.execPath, "r");
    expect(system.openDescriptors()).toBe(before + 1);
    closeSync(file);
    expect(system.openDescriptors()).toBe(before);
  });

  it("starts measured programs as they are: there is no pinning", () => {
    expect(system.pinned(1, "node", ["server.js"])).toEqual(["node", ["server.js"]]);
  });
});
