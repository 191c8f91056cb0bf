import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const require = createRequire(import.meta.url);

/** A program of a user who checks the declarations of what he uses as well. */
const program = `
import { connect, listen, type TcpSocket } from ${JSON.stringify(join(root, "dist/src/index.js"))};
const listener = await listen({ port: 0 }, { data: (socket: TcpSocket, chunk) => void socket.write(chunk) });
await using socket = await connect({ host: "localhost", port: listener.address.port });
await socket.send("hello");
for await (const chunk of socket) process.stdout.write(chunk);
`;

it("the declarations compile for a strict user, without skipLibCheck", () => {
  // Below the root, where @types/node is found.
  const folder = mkdtempSync(join(root, "node_modules", ".portside-types-"));
  try {
    writeFileSync(join(folder, "program.mts"), program);
    const tsc = join(dirname(require.resolve("typescript/package.json")), "bin", "tsc");
    const flags =
      "--noEmit --strict --target es2022 --lib es2023,esnext.disposable --module nodenext --types node";
    const { status, stdout } = spawnSync(
      process.execPath,
      [tsc, ...flags.split(" "), join(folder, "program.mts")],
      { encoding: "utf8" },
    );
    expect(stdout).toBe("");
    expect(status).toBe(0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 120_000);
