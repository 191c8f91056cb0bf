/** What a process needs to load an addon built with AddressSanitizer and UndefinedBehaviorSanitizer. */
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { Failure } from "./fail.mjs";
import { cache } from "./paths.mjs";
import { run } from "./run.mjs";

/** Each process writes its reports into files of its own here, so that those of killed children are found too. */
const folder = join(cache, "sanitizers");

/** Throws away the reports of earlier runs and returns the environment to run under. */
export async function sanitizerEnvironment() {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const options = `log_path=${join(folder, "report")}:print_stacktrace=1`;
  return {
    // Node itself is not instrumented, so the runtime has to be there before it.
    LD_PRELOAD: await runtimeLibrary(),
    // Node does not free everything at its exit: leaks would all be its own.
    ASAN_OPTIONS: `${options}:detect_leaks=0:detect_stack_use_after_return=1`,
    UBSAN_OPTIONS: options,
  };
}

/** Prints the reports that were written since; returns how many there are. */
export function printReports() {
  const reports = readdirSync(folder).sort();
  for (const report of reports) console.log(`\n${report}:\n${readFileSync(join(folder, report), "utf8")}`);
  return reports.length;
}

/**
 * Further options for the linker. GCC's two runtimes take each other's "where to report" for their own when both
 * are shared libraries, and one of them then reports nowhere: the smaller one goes into the addon, privately.
 */
export const sanitizerLinkerFlags = "-static-libubsan -Wl,--exclude-libs,libubsan.a";

async function runtimeLibrary() {
  const { output } = await run(process.env.CXX ?? "c++", ["-print-file-name=libasan.so"], { quiet: true });
  const path = output.trim();
  if (isAbsolute(path)) return path;
  // A compiler that has no such library answers with the bare name.
  throw new Failure(
    "this compiler has no libasan.so: the sanitizer run needs GCC and its sanitizer libraries.",
  );
}
