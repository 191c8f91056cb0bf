/** Builds and tests the kqueue over epoll that stands in for a BSD kernel in tests. */
import { join } from "node:path";
import { Failure } from "./fail.mjs";
import { root } from "./paths.mjs";
import { run } from "./run.mjs";

const programs = [
  "rows_kernel",
  "poller_kernel",
  "rows_sparse",
  "poller_sparse",
  "poller_opaque",
  "socket_calls",
];

/** Brings it up to date in all its variants (test/support/kqueue/README.md); below `folder`, each has a folder that PORTSIDE_KQUEUE_ROOT can name. */
export async function buildLibrary(folder, variables = []) {
  const definitions = variables.map((variable) => `-D${variable}`);
  await cmake("-S", "test/support/kqueue", "-B", folder, ...definitions);
  await cmake("--build", folder, "--parallel", "2");
}

/** Its own tests, and those of the poller over it; returns how many passed and failed. */
export async function testLibrary(folder, label = "") {
  const counts = { passed: 0, failed: 0 };
  for (const program of programs) {
    console.log(`\n== ${program}${label && `, ${label}`}`);
    const { code, output } = await run(join(root, folder, program), [], { quiet: true });
    process.stdout.write(output);
    const [, passed = "0", failed = "0"] = /^(\d+) passed, (\d+) failed$/m.exec(output) ?? [];
    counts.passed += Number(passed);
    counts.failed += Number(failed);
    if (code !== 0 && failed === "0") counts.failed++; // it ended before it could count
  }
  return counts;
}

async function cmake(...args) {
  const { code, output } = await run("cmake", args, { quiet: true });
  if (code === 0) return;
  process.stderr.write(output);
  throw new Failure("the test kqueue did not build: the compiler's messages above say where.");
}
