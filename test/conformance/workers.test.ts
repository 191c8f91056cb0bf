import { describe, expect, it } from "vitest";
import { stalledEndpoint } from "../support/peers.js";
import { run } from "../support/programs.js";
import { Scope } from "../support/scope.js";

describe("workers", () => {
  interface Report {
    ids: number[];
    codes: (number | string)[];
    echoes: number;
  }

  async function workers(mode: string, code = 0): Promise<Report> {
    await using scope = new Scope();
    const { host, port } = await stalledEndpoint(scope);
    const result = await run("workers.mjs", { args: [mode, host, String(port)] });
    expect(result).toMatchObject({ code, signal: null, stderr: "" });
    return JSON.parse(result.stdout) as Report;
  }

  it.each([
    ["terminated at full load", 4],
    ["terminated at full load at the same time", 3],
    ["terminated while they start", 33],
    ["terminated while everything waits", 3],
  ])("%s leave the process unharmed", async (mode, count) => {
    const { codes, echoes } = await workers(mode);
    expect(codes).toHaveLength(count);
    // 1 is what Node gives for a worker that was terminated, and 0 for one that had not begun.
    for (const code of codes) expect(code).toBeOneOf(mode.includes("start") ? [0, 1] : [1]);
    expect(echoes).toBe(2);
  });

  it("that exit at full load leave the process unharmed", async () => {
    const { codes, echoes } = await workers("that exit at full load");
    expect(codes).toEqual([3, 3, 3]);
    expect(echoes).toBe(2);
  });

  it("that throw at full load report the error and leave the process unharmed", async () => {
    const { codes, echoes } = await workers("that throw at full load");
    const once = [1, "thrown in the worker"];
    expect(codes).toEqual([...once, ...once, ...once]);
    expect(echoes).toBe(2);
  });

  it("have a default port of their own, and end by themselves when nothing is active", async () => {
    const { ids, codes, echoes } = await workers("that end by themselves");
    expect(new Set(ids).size).toBe(6);
    expect(codes).toEqual([0, 0, 0, 0, 0]);
    expect(echoes).toBe(2);
  });

  it("at full load do not hold up process.exit of the main thread", async () => {
    await workers("left behind by process.exit", 5);
  });
});
