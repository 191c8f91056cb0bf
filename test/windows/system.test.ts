import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { system } from "../../dist/platforms/rooms.js";
import { nonPagedPool, raiseWorkingSet, workingSet } from "../../dist/platforms/windows/resources.js";
import { win32 } from "../../dist/platforms/windows/win32.js";
import { Scope } from "../support/scope.js";
import { event, until } from "../support/wait.js";

const wine = win32().wineVersion !== undefined;
const megabyte = 1 << 20;

describe("the Windows room", () => {
  it("tells Wine from Windows", () => {
    expect(wine).toBe(process.env.PORTSIDE_TEST_WINE !== undefined);
    expect(system.description).toMatch(
      wine ? /^Wine \d+\.\d+.* \(as Windows 10\.0\.\d+\)$/ : /^Windows 10\.0\.\d+$/,
    );
  });

  it("counts the handles of this process", () => {
    const before = system.openDescriptors();
    const files = Array.from({ length: 50 }, () => openSync(process.execPath, "r"));
    const during = system.openDescriptors();
    for (const file of files) closeSync(file);
    const after = system.openDescriptors();
    // Threads of Node's pool may come or go meanwhile, with a handle or two.
    expect(during - before).toBeGreaterThanOrEqual(45);
    expect(during - after).toBeGreaterThanOrEqual(45);
    expect(system.descriptorLimit()).toBeGreaterThan(during);
    expect(system.raiseDescriptorLimit()).toBe(system.descriptorLimit());
  });

  it("tells memory and processor time of this process", () => {
    expect(system.residentMemory(process.pid) / system.ownResidentMemory()).toBeCloseTo(1, 0);
    const { user, system: kernel } = process.cpuUsage();
    // Windows counts in steps of up to 15.6 ms; Node's own start has taken many of them.
    expect(system.processorTime(process.pid)).toBeGreaterThanOrEqual(user + kernel);
    expect(system.processorTime(process.pid)).toBeLessThan(user + kernel + 5_000_000);
  });

  it("tells memory and processor time of another process", async () => {
    await using scope = new Scope();
    const busy = "const end = Date.now() + 300; while (Date.now() < end); setInterval(() => {}, 1000);";
    const child = spawn(process.execPath, ["-e", busy], { stdio: "ignore" });
    scope.defer(async () => {
      child.kill();
      if (child.exitCode === null && child.signalCode === null) await event(child, "exit");
    });
    const pid = child.pid!;
    await until(() => system.processorTime(pid) >= 100_000);
    expect(system.residentMemory(pid)).toBeGreaterThan(10 * megabyte);
    expect(system.residentMemory(pid)).toBeLessThan(1000 * megabyte);
  });

  it("says which call fails for a process that does not exist", () => {
    // Windows gives out multiples of 4.
    expect(() => system.residentMemory(3)).toThrow(/^OpenProcess\(3\) fails with \d+$/);
    expect(() => system.processorTime(3)).toThrow(/^OpenProcess\(3\) fails with \d+$/);
  });

  it("reads the working set and raises it, never lowers it", () => {
    const before = workingSet();
    expect(before.least).toBeGreaterThan(0);
    expect(before.most).toBeGreaterThanOrEqual(before.least);
    const wanted = before.least + 8 * megabyte;
    const raised = raiseWorkingSet(wanted);
    // Wine takes the call, and forgets it.
    expect(raised.least).toBeGreaterThanOrEqual(wine ? before.least : wanted);
    expect(raised.most).toBeGreaterThanOrEqual(raised.least);
    expect(raiseWorkingSet(megabyte)).toEqual(raised);
    expect(workingSet()).toEqual(raised);
  });

  it("reads non-paged pool, of this process and of the machine", () => {
    const { own, machine } = nonPagedPool();
    if (wine) return expect({ own, machine }).toEqual({ own: 0, machine: 0 }); // it has no such pool
    expect(own).toBeGreaterThan(0);
    expect(machine).toBeGreaterThan(own);
  });

  it("calls nothing of koffi in a worker, and says what can be had there", async () => {
    const rooms = new URL("../../dist/platforms/rooms.js", import.meta.url).href;
    const worker = new Worker(
      `const { parentPort } = require("node:worker_threads");
       import(${JSON.stringify(rooms)}).then(({ system }) => {
         let refusal = "";
         try { system.openDescriptors(); } catch (error) { refusal = error.message; }
         const koffi = Object.keys(require.cache).some((file) => file.includes("koffi"));
         parentPort.postMessage({
           refusal, koffi, description: system.description,
           memory: system.ownResidentMemory(), limit: system.descriptorLimit(),
         });
       });`,
      { eval: true },
    );
    const told = await event<{ memory: number }>(worker, "message");
    await worker.terminate();
    expect(told).toMatchObject({
      refusal: expect.stringContaining("main thread"),
      koffi: false,
      description: expect.stringMatching(/^Windows 10\./),
      limit: system.descriptorLimit(),
    });
    expect(told.memory).toBeGreaterThan(megabyte);
  });
});
