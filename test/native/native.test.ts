import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const here = fileURLToPath(new URL(".", import.meta.url));

/** Compiles test/native/<name>.cpp together with sources of the engine, and runs it. */
function runNative(name: string, ...sources: string[]): string {
  const folder = mkdtempSync(join(tmpdir(), "portside-native-"));
  try {
    const program = join(folder, name);
    const files = [join(here, `${name}.cpp`), ...sources.map((source) => join(here, "../../native", source))];
    const flags = ["-std=c++20", "-O1", "-Wall", "-Wextra", "-Werror", "-DPORTSIDE_CHECKS"];
    execFileSync(process.env.CXX ?? "c++", [...flags, ...files, "-o", program], { stdio: "inherit" });
    return execFileSync(program, { encoding: "utf8" });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

// Parts of the engine that JavaScript cannot reach by themselves, each as a small program of its own.
describe("native parts", () => {
  it("the timer wheel expires every timer once, in order, never early and never late", () => {
    expect(runNative("timer_wheel_test", "engine/timer_wheel.cpp")).toContain("agree with the model");
  }, 120_000);

  it("a closed handle's generation never repeats when its slot is used again: a stale identity finds nothing", () => {
    expect(runNative("handle_table_test")).toContain("no identity is good twice");
  }, 120_000);
});
