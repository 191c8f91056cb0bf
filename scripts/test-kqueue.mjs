/**
 * npm run test:kqueue: the BSD room on Linux, over a kqueue made for tests. Arguments go to vitest; without any it runs
 * the conformance suite. "--brief" runs it once where it is run with both wakers otherwise.
 */
import { join } from "node:path";
import { buildAddon } from "./lib/addon.mjs";
import { checkBsdSyntax } from "./lib/bsd-syntax.mjs";
import { Failure, main } from "./lib/fail.mjs";
import { addonPath, root } from "./lib/paths.mjs";
import { checkPrerequisites } from "./lib/prerequisites.mjs";
import { printReports, sanitizerEnvironment, sanitizerLinkerFlags } from "./lib/sanitizers.mjs";
import { runSuite } from "./lib/suite.mjs";
import { Tally } from "./lib/tally.mjs";
import { buildLibrary, testLibrary } from "./lib/test-kqueue-library.mjs";
import { buildTypeScript } from "./lib/typescript.mjs";

const library = "build-kqueue-library";
const sanitizedLibrary = "build-kqueue-library-asan";
const brief = process.argv.includes("--brief");
const given = process.argv.slice(2).filter((argument) => argument !== "--brief");
const args = given.length > 0 ? given : ["test/conformance"];

/** The addon over one variant of the library; returns the environment to test it in. */
async function buildOver(folder, root_, variables = []) {
  await buildAddon({
    folder,
    quiet: true,
    variables: [`PORTSIDE_KQUEUE_ROOT=${join(root, root_)}`, ...variables],
  });
  return { PORTSIDE_ADDON: addonPath(folder), PORTSIDE_BACKEND: "kqueue" };
}

await main(async () => {
  if (process.platform !== "linux") {
    throw new Failure(
      'this stands in for a BSD on Linux; on a system with a kqueue of its own, run "npm test".',
    );
  }
  await checkPrerequisites();
  await buildTypeScript({ quiet: true });
  const tally = new Tally();
  tally.add(await checkBsdSyntax());
  await buildLibrary(library);
  tally.add(await testLibrary(library));
  // The shipped number of events a wait.
  const kernel = await buildOver("build-kqueue", `${library}/kernel`, ["PORTSIDE_KQUEUE_EVENTS=64"]);
  await runSuite(tally, { label: "kqueue", args, env: kernel, ...(brief && { among: ["loop"] }) });
  // What differs in these is how a port sleeps and is woken from other threads, so that waker alone.
  // Where the library is sparse, the sockets are, too: no accept4(), as on macOS.
  const variants = { sparse: ["PORTSIDE_PLAIN_SOCKETS=ON"], opaque: [] };
  for (const [variant, variables] of Object.entries(variants)) {
    const env = await buildOver(`build-kqueue-${variant}`, `${library}/${variant}`, variables);
    await runSuite(tally, { label: `kqueue, ${variant}`, args, env, among: ["thread"] });
  }
  await underSanitizers(tally);
  tally.close();
});

async function underSanitizers(tally) {
  const variables = ["PORTSIDE_SANITIZE=ON"];
  await buildLibrary(sanitizedLibrary, variables);
  tally.add(await testLibrary(sanitizedLibrary, "sanitizers"));
  const sanitizers = await sanitizerEnvironment();
  const env = {
    ...(await buildOver("build-kqueue-asan", `${sanitizedLibrary}/kernel`, [
      ...variables,
      `CMAKE_SHARED_LINKER_FLAGS=${sanitizerLinkerFlags}`,
    ])),
    ...sanitizers,
    // Memory that waits to be given back, 256 MB of it otherwise, is none that a test should take for lost.
    ASAN_OPTIONS: `${sanitizers.ASAN_OPTIONS}:quarantine_size_mb=16`,
    PORTSIDE_TEST_SANITIZED: "1",
    PORTSIDE_TEST_TIMEOUT: "90000",
  };
  await runSuite(tally, { label: "kqueue, sanitizers", args, env, ...(brief && { among: ["thread"] }) });
  const reports = printReports();
  console.log(`\n${reports} sanitizer report(s)`);
  tally.add({ failed: reports });
}
