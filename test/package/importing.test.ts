import { expect, it } from "vitest";
import { run } from "../support/programs.js";

// Deno asks the user before a program may; scripts/test-runtimes.mjs holds it against Deno itself.
it("importing every room asks the system for nothing", async () => {
  const { code, stdout, stderr } = await run("import_quietly.mjs");
  expect(stderr).toBe("");
  expect(JSON.parse(stdout)).toEqual([]);
  expect(code).toBe(0);
});
