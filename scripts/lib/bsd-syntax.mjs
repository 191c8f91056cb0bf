/** Whether the BSD room would compile on its own systems, as far as their headers' names and types tell. */
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { root } from "./paths.mjs";
import { run } from "./run.mjs";

const headers = "test/support/bsd-headers";

/** The systems' own names that the room asks for, and a number that only their headers have right. */
const systems = {
  macos: { defines: ["__APPLE__"], inet6: 30 },
  freebsd: { defines: [], inet6: 28 },
  openbsd: { defines: [], inet6: 24 },
  netbsd: { defines: [], inet6: 24 },
};

const nodeHeaders = createRequire(import.meta.url)("node-api-headers").include_dir;

/** Checks every source for every system; prints what the compiler says of those that do not pass. */
export async function checkBsdSyntax() {
  console.log("\n== syntax on macOS, FreeBSD, OpenBSD and NetBSD");
  const sources = ["platforms/bsd", "platforms/posix"].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith(".cpp"))
      .map((name) => `${folder}/${name}`),
  );
  const counts = { passed: 0, failed: 0 };
  for (const [system, { defines, inet6 }] of Object.entries(systems)) {
    // That these headers were found, and not this machine's own.
    const probe = `#include <sys/socket.h>\n#include <sys/event.h>\nstatic_assert(AF_INET6 == ${inet6});\n`;
    const checks = [[["-x", "c++", "-"], probe], ...sources.map((source) => [[source]])];
    for (const [files, input] of checks) {
      const args = [...flagsFor(system, defines), ...files];
      const { code, output } = await run(process.env.CXX ?? "c++", args, { quiet: true, input });
      if (code === 0) counts.passed++;
      else counts.failed++;
      if (code !== 0) console.log(`${system}, ${files.at(-1)}:\n${output}`);
    }
  }
  console.log(`${counts.passed} of ${counts.passed + counts.failed} compile`);
  return counts;
}

function flagsFor(system, defines) {
  return [
    ...["-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror"],
    ...["-U__linux__", "-U__linux", "-Ulinux", "-U__gnu_linux__"],
    ...defines.map((name) => `-D${name}`),
    ...[`${headers}/${system}`, `${headers}/common`, nodeHeaders].flatMap((folder) => ["-isystem", folder]),
  ];
}
