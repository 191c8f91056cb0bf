import { describe, expect, it } from "vitest";
import { run } from "../support/programs.js";

/** What a program that ends as it should leaves behind. */
const clean = { code: 0, signal: null, stderr: "" };

describe.concurrent("a process ends by itself after it did nothing but", () => {
  it.each([
    "import",
    "look at the default port",
    "make ports and forget them",
    "listen for posted values",
    "post to oneself",
    "echo and close",
    "echo on an own port and close the sockets",
    "echo with handlers and close",
    "fail to connect",
    "let a timer pass",
    "cancel a timer",
    "cancel an accept",
    "close a port with everything on it",
    "close a listener after its unref()",
    "close both ends of a connection after their unref()",
    "unref() a socket that closes itself as soon as its peer has read",
  ])("%s", async (thing) => {
    expect(await run("ends_by_itself.mjs", { args: [thing] })).toEqual({ ...clean, stdout: "ended" });
  });
});

const kinds = [
  "a listener with handlers",
  "a listener beside one that was closed after its unref()",
  "a pending accept",
  "a pending receive",
  "a connection with handlers",
  "a pending send",
  "a timer",
];

describe.concurrent.each(kinds)("%s", (kind) => {
  it("keeps the process alive", async () => {
    expect(await run("stays_alive.mjs", { args: [kind, "ref"] })).toEqual({ ...clean, stdout: "alive" });
  });

  it("keeps it alive no more after unref()", async () => {
    expect(await run("stays_alive.mjs", { args: [kind, "unref"] })).toEqual({ ...clean, stdout: "" });
  });

  it("keeps it alive after unref() and ref()", async () => {
    expect(await run("stays_alive.mjs", { args: [kind, "unref and ref"] })).toEqual({
      ...clean,
      stdout: "alive",
    });
  });

  it("keeps it alive no more after unref() of its port", async () => {
    expect(await run("stays_alive.mjs", { args: [kind, "unref of the port"] })).toEqual({
      ...clean,
      stdout: "",
    });
  });
});

describe("process.exit at full load", () => {
  it.each([
    ["from a data handler", "push"],
    ["from the continuation of a receive", "pull"],
    ["from a completion of an operation", "operation"],
    ["from a handler of a port of its own", "an own port"],
    ["from a posted listener", "posted"],
    ["from a timer of the engine", "timer"],
    ["from a timer of Node", "setTimeout"],
    ["from setImmediate", "setImmediate"],
  ])("%s ends the process with its code", async (_, where) => {
    expect(await run("exits_loaded.mjs", { args: [where] })).toEqual({
      code: 7,
      signal: null,
      stdout: "leaving",
      stderr: "",
    });
  });

  it("and an uncaught exception at full load end the process as always", async () => {
    const { code, signal, stderr } = await run("exits_loaded.mjs", { args: ["uncaught"] });
    expect({ code, signal }).toEqual({ code: 1, signal: null });
    expect(stderr).toContain("nobody catches this");
  });
});

describe("a handler that throws", () => {
  it.each(["ten timers of one batch", "ten sends of one batch", "ten posted values"])(
    "(%s) is an uncaught exception, and the rest goes on",
    async (where) => {
      const { stdout, ...end } = await run("throws.mjs", { args: [where, "caught"] });
      expect(end).toEqual(clean);
      expect(JSON.parse(stdout)).toEqual({
        calls: 10,
        caught: Array.from({ length: 10 }, (_, index) => `thrown ${index + 1}`),
        alive: true,
      });
    },
  );

  it("ends the process like any uncaught exception when nobody listens for these", async () => {
    const { code, signal, stdout, stderr } = await run("throws.mjs", { args: ["ten timers of one batch"] });
    expect({ code, signal }).toEqual({ code: 1, signal: null });
    expect(stderr).toContain("Error: thrown 1");
    expect(JSON.parse(stdout)).toMatchObject({ caught: [], alive: false });
  });
});
