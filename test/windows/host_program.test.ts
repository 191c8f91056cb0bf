import { spawn } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { addonCandidates } from "../../dist/platforms/rooms.js";
import { Scope } from "../support/scope.js";

/** The file that this process has loaded the addon from. */
function addonFile(): string {
  const require = createRequire(import.meta.url);
  return addonCandidates().map((candidate) => require.resolve(candidate))[0]!;
}

/** An addon's functions of Node come from "node.exe", say the import tables. */
describe("a host that is not called node.exe", () => {
  it("loads the addon, and numbers arrive at Node unharmed", async () => {
    await using scope = new Scope();
    const folder = mkdtempSync(join(tmpdir(), "portside-host-"));
    scope.defer(() => rmSync(folder, { recursive: true, force: true, maxRetries: 20 }));
    const host = join(folder, "another name.exe");
    copyFileSync(process.execPath, host);
    // Exit codes tell it: no pipe reaches a child under Wine.
    const program = `
      const { layout, backends } = require(process.argv[1]);
      process.exit(layout.receiveLimit === 65536 && backends[0] === "iocp" ? 42 : 43);`;
    const child = spawn(host, ["-e", program, addonFile()], {
      cwd: folder,
      // Nothing here leads to a node.exe.
      env: { SystemRoot: process.env.SystemRoot, PATH: folder },
      stdio: "ignore",
    });
    expect(await new Promise((resolve) => child.on("exit", resolve))).toBe(42);
  });
});
