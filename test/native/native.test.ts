import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const here = fileURLToPath(new URL(".", import.meta.url));

// Parts of the engine that JavaScript cannot reach by themselves, each as a small program of its own.
describe("native parts", () => {
  it("the timer wheel expires every timer once, in order, never early and never late", () => {
    const folder = mkdtempSync(join(tmpdir(), "portside-native-"));
    try {
      const program = join(folder, "timer_wheel_test");
      const sources = [join(here, "timer_wheel_test.cpp"), join(here, "../../native/engine/timer_wheel.cpp")];
      const flags = ["-std=c++20", "-O1", "-Wall", "-Wextra", "-Werror", "-DPORTSIDE_CHECKS"];
      execFileSync(process.env.CXX ?? "c++", [...flags, ...sources, "-o", program], { stdio: "inherit" });
      expect(execFileSync(program, { encoding: "utf8" })).toContain("agree with the model");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }, 120_000);
});
