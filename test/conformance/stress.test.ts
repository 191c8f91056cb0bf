import { describe, expect, it } from "vitest";
import { run } from "../support/programs.js";

// The stress program in small: bounded by rounds, so that a slow machine does the same as a fast one. Its length and
// its seed are the user's in "npm run stress".
const memory = process.env.PORTSIDE_TEST_SANITIZED ? ["--no-resident"] : [];

describe("connections that do everything at random", () => {
  it.each([1, 2, 3])(
    "complete exactly once, lose no byte and leave nothing behind: seed %i",
    async (seed) => {
      const args = ["--seed", String(seed), "--rounds", "6", "--connections", "30", ...memory];
      const { code, stdout, stderr } = await run("../../dist/bench/stress/run.js", { args });
      expect({ code, stderr }, stdout).toEqual({ code: 0, stderr: "" });
      expect(stdout).toContain("6 rounds, 180 connections");
      expect(stdout).toContain("Nothing broke.");
    },
  );
});
