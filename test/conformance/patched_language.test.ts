import { describe, expect, it } from "vitest";
import { run } from "../support/programs.js";

// In programs of their own: what is done to the language is done to vitest as well.

describe("the engine does not notice", () => {
  it.each([
    "a code of every object",
    "constants of every object",
    "elements of every list",
    "setters of every list",
    "another class of bytes",
    "a then() that does nothing",
  ])("%s", async (way) => {
    const { stdout, ...end } = await run("patched_language.mjs", { args: [way] });
    expect({ ...end, stdout }).toEqual({ code: 0, signal: null, stderr: "", stdout: "[]" });
  });
});

describe("nobody gets to see what the engine keeps, by", () => {
  it.each(["spying methods", "spying sets", "a spying setPrototypeOf()"])("%s", async (way) => {
    const { stdout, ...end } = await run("patched_language.mjs", { args: [way] });
    expect({ ...end, stdout }).toEqual({ code: 0, signal: null, stderr: "", stdout: "[]" });
  });
});
