import { CompletionPort } from "portside";
import { afterEach, describe, expect, it, vi } from "vitest";
import { echo } from "../support/echo.js";
import { run } from "../support/programs.js";

const fakers = ["sinon", "node:test"];

describe.each(fakers)("with the clocks and queues of %s in place of Node's", (who) => {
  it("(installed after Portside was loaded) everything works", async () => {
    const result = await run("fake_timers.mjs", { args: [who] });
    expect(result).toMatchObject({ stdout: "done", code: 0 });
  });
});

describe("with vitest's fake timers", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it("connections, timers and ports work", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "setImmediate", "queueMicrotask", "performance", "Date"] });
    const port = new CompletionPort();
    await echo(port, 10);
    const completed = new Promise((resolve) => {
      port.operation(resolve).timer(5);
    });
    expect(await completed).toBeNull();
    await port.close();
    await echo(CompletionPort.default, 10);
    vi.useRealTimers();
    await echo(CompletionPort.default, 10);
  });

  it("a timer's time passes by itself, and not by advancing the fake clock", async () => {
    vi.useFakeTimers();
    await using port = new CompletionPort();
    let completions = 0;
    const operation = port.operation(() => void completions++);
    operation.timer(1_000_000);
    await vi.advanceTimersByTimeAsync(2_000_000);
    await echo(port, 1);
    expect(completions).toBe(0);
    operation.cancel();
    await echo(port, 1);
    expect(completions).toBe(1);
  });
});
