import { beforeAll, describe, expect, it } from "vitest";
import { run } from "../support/programs.js";

// In programs of their own, as vitest takes every uncaught exception for a failure.

interface Outcome {
  uncaught: string[];
  calls: Record<"open" | "data" | "drain" | "end" | "error" | "close", number>;
}

async function outcomeOf(args: string[]): Promise<Outcome> {
  const result = await run("push_throwing.mjs", { args });
  expect(result.stderr).toBe("");
  expect(result.code).toBe(0);
  return JSON.parse(result.stdout) as Outcome;
}

const kinds = ["open", "data", "drain", "end", "error", "close"] as const;

describe.each(["accepted", "connected"])("a handler of an %s socket that throws", (side) => {
  it.each(kinds)("in %s is reported as uncaught, and everything else goes on", async (kind) => {
    const { uncaught, calls } = await outcomeOf([kind, side]);
    expect(new Set(uncaught)).toEqual(new Set([`uncaughtException: thrown in ${kind}`]));
    // Every second socket threw: once, but drain comes as often as something was written.
    if (kind === "drain") expect(uncaught.length).toBeGreaterThanOrEqual(10);
    else expect(uncaught).toHaveLength(10);
    expect(calls).toMatchObject({ open: 20, data: 40, close: 20 });
    expect(calls.end).toBe(kind === "error" ? 0 : 20);
    expect(calls.error).toBe(kind === "error" ? 20 : 0);
  });
});

describe("a handler that throws", () => {
  it.each([
    ["string", "a string"],
    ["undefined", "undefined"],
  ])("a %s instead of an Error is reported all the same", async (thrown, shown) => {
    const { uncaught, calls } = await outcomeOf(["data", "accepted", thrown]);
    expect(uncaught).toEqual(Array(10).fill(`uncaughtException: ${shown}`));
    expect(calls).toMatchObject({ open: 20, data: 40, end: 20, close: 20 });
  });

  it("ends a process that does not listen for uncaught exceptions, as Node does", async () => {
    const { code, stdout, stderr } = await run("push_throwing_fatal.mjs");
    expect(code).toBe(1);
    expect(stdout.trim()).toBe("exit 1");
    expect(stderr).toContain("Error: thrown in data");
    expect(stderr).toContain("push_throwing_fatal.mjs");
  });
});

describe("what throws is reported in its async context:", () => {
  let results: Record<"seen" | "inDomain", Record<string, string>>;
  beforeAll(async () => {
    const { stdout, stderr, code } = await run("throwing_contexts.mjs");
    expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
    results = JSON.parse(stdout);
  });

  it.each([
    ["open", "entered by open"],
    ["data", "listen"],
    ["end", "listen"],
    ["close", "listen"],
    ["operation", "operation"],
    ["posted", "on"],
  ])("%s's, where an uncaughtException listener finds its store", (name, store) => {
    expect(results.seen[name]).toBe(store);
  });

  it.each(["open", "operation", "posted"])("%s's, where its domain gets it", (name) => {
    expect(results.inDomain).toHaveProperty(name);
  });
});

describe("many handlers that throw in one batch", () => {
  it("are reported before what waits for promises, and keep no promise waiting", async () => {
    const { stdout, stderr, code } = await run("throwing_together.mjs");
    expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
    expect(JSON.parse(stdout)).toEqual([
      "a promise, after 50 exceptions",
      "an immediate, after 50 exceptions",
    ]);
  });
});

describe("a getter in the place of a handler that throws", () => {
  it("at the peer's end: the socket closes by itself, as one without the handler does", async () => {
    const result = await run("push_throwing_getter.mjs");
    expect(result.stderr).toBe("");
    expect(JSON.parse(result.stdout)).toEqual({ uncaught: ["thrown by end's getter"], received: null });
  });
});

describe("a completion handler that throws after it has submitted its operation again", () => {
  it("is reported as uncaught, and that submission stands", async () => {
    const result = await run("push_throwing_operation.mjs");
    expect(result.stderr).toBe("");
    expect(result.code).toBe(0);
    const { completions, uncaught } = JSON.parse(result.stdout);
    expect(completions).toBe(40);
    expect(uncaught).toEqual(Array(10).fill("thrown in operation"));
  });
});
