import { Worker } from "node:worker_threads";
import { CompletionPort } from "portside";
import { describe, expect, it } from "vitest";
import { thrown } from "../support/failure.js";
import { collectGarbage } from "../support/memory.js";
import { deferred, event } from "../support/wait.js";

describe("a posted value", () => {
  it("waits when its listener has taken itself off at the value before", async () => {
    await using port = new CompletionPort();
    const next = () =>
      new Promise((resolve) => {
        const listener = (value: unknown) => {
          port.off("posted", listener);
          resolve(value);
        };
        port.on("posted", listener);
      });
    for (const value of [1, 2, 3]) port.post(value);
    for (const value of [1, 2, 3]) expect(await next()).toBe(value);
  });

  it("is not kept once its listeners have got it", async () => {
    await using port = new CompletionPort();
    const size = 8 * 1024 * 1024;
    await collectGarbage();
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 8; i++) port.post(new Uint8Array(size));
    let got = 0;
    await new Promise<void>((resolve) => {
      port.on("posted", () => {
        if (++got === 8) resolve();
      });
    });
    await collectGarbage();
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 * size);
  });

  it("arrives, in order, and never inside post()", async () => {
    await using port = new CompletionPort();
    const got: unknown[] = [];
    const finished = deferred();
    expect(
      port.on("posted", (value) => {
        got.push(value);
        if (got.length === 1000) finished.resolve();
      }),
    ).toBe(port);
    for (let index = 0; index < 500; index++) {
      port.post(index * 2);
      CompletionPort.post(port.id, index * 2 + 1);
    }
    expect(got).toEqual([]);
    await finished.promise;
    expect(got).toEqual(Array.from({ length: 1000 }, (_, index) => index));
    expect(port.stats().posted).toBe(1000);
  });

  it("is a structured clone, made at the moment of the post", async () => {
    await using port = new CompletionPort();
    const next = collect(port);
    const cycle: { self?: unknown; list: number[] } = { list: [1, 2] };
    cycle.self = cycle;
    const values: unknown[] = [
      undefined,
      null,
      0,
      -0,
      Number.NaN,
      10n ** 30n,
      "text",
      true,
      new Date(5),
      new Map([["key", new Set([1])]]),
      Uint8Array.of(1, 2, 3),
      new Error("what happened"),
      [1, [2, [3]]],
    ];
    for (const value of values) port.post(value);
    port.post(cycle);
    cycle.list.push(3);
    for (const value of values) expect(await next()).toEqual(value);
    const clone = (await next()) as typeof cycle;
    expect(clone).not.toBe(cycle);
    expect(clone.self).toBe(clone);
    expect(clone.list).toEqual([1, 2]);
  });

  it("of shared memory shares it, or is refused as not clonable, but is never a silent copy", async () => {
    await using port = new CompletionPort();
    const next = collect(port);
    const shared = new Int32Array(new SharedArrayBuffer(8));
    try {
      port.post(shared);
    } catch (error) {
      expect(error).toMatchObject({ name: "DataCloneError" });
      return;
    }
    const other = (await next()) as Int32Array;
    other[1] = 42;
    expect(shared[1]).toBe(42);
  });

  it("posted from within a posted listener arrives later, not inside", async () => {
    await using port = new CompletionPort();
    const finished = deferred();
    let depth = 0;
    let deepest = 0;
    port.on("posted", (value) => {
      depth++;
      deepest = Math.max(deepest, depth);
      if ((value as number) < 200) port.post((value as number) + 1);
      else finished.resolve();
      depth--;
    });
    port.post(0);
    await finished.promise;
    expect(deepest).toBe(1);
  });

  it("goes to every listener, and to none that was taken off", async () => {
    await using port = new CompletionPort();
    const got: string[] = [];
    const first = (value: unknown) => got.push(`first ${value}`);
    const second = (value: unknown) => got.push(`second ${value}`);
    port.on("posted", first).on("posted", second);
    const next = collect(port);
    port.post("a");
    await next();
    expect(port.off("posted", first)).toBe(port);
    port.post("b");
    await next();
    expect(got).toEqual(["first a", "second a", "second b"]);
  });

  it("from worker threads arrives, in the order of each thread", async () => {
    await using port = new CompletionPort();
    const got = new Map<string, number[]>();
    const finished = deferred();
    let total = 0;
    port.on("posted", (value) => {
      const [thread, index] = value as [string, number];
      got.set(thread, [...(got.get(thread) ?? []), index]);
      if (++total === 1500) finished.resolve();
    });
    const program = new URL("../programs/post_many.mjs", import.meta.url);
    const threads = ["a", "b", "c"].map(
      (name) => new Worker(program, { workerData: { id: port.id, name, count: 500 } }),
    );
    await Promise.all([finished.promise, ...threads.map((thread) => event(thread, "exit"))]);
    const inOrder = Array.from({ length: 500 }, (_, index) => index);
    expect(Object.fromEntries(got)).toEqual({ a: inOrder, b: inOrder, c: inOrder });
  });

  it("that cannot be cloned throws a DataCloneError and posts nothing", async () => {
    await using port = new CompletionPort();
    const next = collect(port);
    for (const post of [
      () => port.post(() => {}),
      () => port.post({ deep: [Symbol("no")] }),
      () => CompletionPort.post(port.id, () => {}),
    ]) {
      expect(post).toThrowError(expect.objectContaining({ name: "DataCloneError" }));
    }
    port.post("fine");
    expect(await next()).toBe("fine");
    expect(port.stats().posted).toBe(1);
  });

  it("to an id that no port has throws ENOENT", async () => {
    thrown(() => CompletionPort.post(2 ** 30, "lost"), "ENOENT");
    const port = new CompletionPort();
    await port.close();
    thrown(() => CompletionPort.post(port.id, "late"), "ENOENT");
  });

  it("to a port that was closed by its own posted listener throws ENOENT once it is closed", async () => {
    const port = new CompletionPort();
    const closing = new Promise<void>((resolve) => port.on("posted", () => resolve(port.close())));
    port.post("close");
    await closing;
    thrown(() => CompletionPort.post(port.id, "too late"), "ENOENT");
  });

  it("to something that is no id is refused", () => {
    thrown(() => CompletionPort.post("1" as never, "x"), "ERR_INVALID_ARG_TYPE");
    thrown(() => CompletionPort.post(undefined as never, "x"), "ERR_INVALID_ARG_TYPE");
  });

  it("has no listener that is no function, nor events of other names", async () => {
    await using port = new CompletionPort();
    thrown(() => port.on("posted", 5 as never), "ERR_INVALID_ARG_TYPE");
    thrown(() => port.on("message" as never, () => {}), "ERR_INVALID_ARG_VALUE");
    thrown(() => port.off("posted", undefined as never), "ERR_INVALID_ARG_TYPE");
  });
});

/** Gives one posted value after the other. */
function collect(port: CompletionPort): () => Promise<unknown> {
  const values: unknown[] = [];
  const wanted: ((value: unknown) => void)[] = [];
  port.on("posted", (value) => {
    const want = wanted.shift();
    if (want) want(value);
    else values.push(value);
  });
  return () => {
    if (values.length > 0) return Promise.resolve(values.shift());
    const want = deferred<unknown>();
    wanted.push(want.resolve);
    return want.promise;
  };
}
