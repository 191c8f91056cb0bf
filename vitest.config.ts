import { fileURLToPath } from "node:url";
import { configDefaults, defineConfig } from "vitest/config";

/** Milliseconds a test may take; the sanitizer run raises it through the environment. */
const timeout = Number(process.env.PORTSIDE_TEST_TIMEOUT ?? 20_000);

/** Tests of another system's room, and on Windows those that compile something with a compiler's POSIX options. */
const elsewhere = process.platform === "win32" ? ["test/native/**", "test/bsd/**"] : ["test/windows/**"];
if (process.platform !== "linux") elsewhere.push("test/linux/**");

export default defineConfig({
  resolve: {
    // The compiled library, as a user gets it: TypeScript's const enums are inlined by tsc only.
    alias: { portside: fileURLToPath(new URL("dist/src/index.js", import.meta.url)) },
  },
  test: {
    include: ["test/**/*.test.ts"],
    exclude: [...configDefaults.exclude, ...elsewhere],
    setupFiles: ["test/support/wine_setup.ts"],
    // A process per test file: workers of one process would share descriptor limits and crashes.
    pool: "forks",
    // Tests measure time and fill socket buffers; more files at once only make them wait for each other.
    maxWorkers: 2,
    testTimeout: timeout,
    hookTimeout: timeout,
  },
});
