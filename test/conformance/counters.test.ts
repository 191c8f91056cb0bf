import { describe, expect, it } from "vitest";
import { run } from "../support/programs.js";

describe.concurrent("the counters that both sides compare", () => {
  it.each([
    ["0", 0],
    ["2 ** 31", 2 ** 31 - 3],
    ["2 ** 32", 2 ** 32 - 3],
  ])("go on over %s", async (_edge, start) => {
    const { stdout, ...end } = await run("counters_wrap.mjs", { args: [String(start)] });
    expect(end).toEqual({ code: 0, signal: null, stderr: "" });
    expect(JSON.parse(stdout)).toEqual({ overdue: 0, blocked: true, wrapped: true });
  });
});
