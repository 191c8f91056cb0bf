/**
 * npm run test:runtimes: the README's server and client, and test/programs/runtime.mjs, on Node, Bun and Deno, from a
 * packed and installed Portside. "--only bun" chooses one runtime.
 */
import { spawn } from "node:child_process";
import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "./lib/build.mjs";
import { Checks, expectParts } from "./lib/checks.mjs";
import { compile } from "./lib/consumer-types.mjs";
import { Failure, main } from "./lib/fail.mjs";
import { makeProject, packAll, runIn, withFolder } from "./lib/packed.mjs";
import { root } from "./lib/paths.mjs";
import { snippet } from "./lib/readme.mjs";
import { bunBinary, bunVersion, denoBinary, denoVersions } from "./lib/runtimes.mjs";
import { Tally } from "./lib/tally.mjs";

/** What Deno has to be allowed for everything that Portside can do (docs/runtimes.md). */
const permissions = ["--allow-net", "--allow-read", "--allow-ffi", "--allow-env"];

/** Each: how a program is run; `limited`: with the least that docs/runtimes.md promises to be enough. */
async function runtimes(folder) {
  // Nothing of Deno's is to be left in a home folder.
  const env = { DENO_DIR: join(folder, "deno"), DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" };
  const deno = async (version) => {
    const command = await denoBinary(version);
    const run = ["run", "--no-prompt"];
    return {
      name: `deno ${version}`,
      command,
      args: [...run, ...permissions],
      limited: [...run, "--allow-read", "--allow-ffi"],
      env,
    };
  };
  return [
    { name: `node ${process.versions.node}`, command: process.execPath, args: [] },
    { name: `bun ${bunVersion}`, command: await bunBinary(), args: ["run"] },
    ...(await Promise.all(denoVersions.map(deno))),
  ];
}

/** Starts the README's server; calls `body` with its port and a function that tells what it has said. */
async function withServer(runtime, folder, body) {
  const server = spawn(runtime.command, [...runtime.args, "server.js"], {
    cwd: folder,
    env: { ...process.env, ...runtime.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const ended = new Promise((resolve) => server.on("exit", resolve));
  try {
    const port = await new Promise((resolve, reject) => {
      const look = (chunk) => {
        output += chunk;
        const found = /listening on 127\.0\.0\.1:(\d+)/.exec(output);
        if (found) resolve(found[1]);
      };
      server.stdout.on("data", look);
      server.stderr.on("data", look);
      server.on("error", reject);
      ended.then(() => reject(new Failure(`the server ended:\n${output}`)));
      setTimeout(() => reject(new Failure(`the server does not listen:\n${output}`)), 30_000).unref();
    });
    await body(port, () => output);
  } finally {
    server.kill("SIGKILL");
    await ended;
  }
}

/** The README's port is somebody's; ours are free ones. */
async function compileReadme(folder) {
  const server = snippet("A server").replace("port: 7000", "port: 0");
  const seen = server.replace("data(socket, chunk) {", '$&\n      console.log("server sees", chunk.length);');
  if (seen === server) throw new Failure("the README's server has no data handler any more");
  const client = snippet("A client").replace("port: 7000", "port: Number(process.env.SERVER_PORT)");
  writeFileSync(join(folder, "server.ts"), seen);
  writeFileSync(join(folder, "client.ts"), client);
  await compile(folder, ["server.ts", "client.ts"]);
}

async function readme(runtime, folder) {
  await withServer(runtime, folder, async (port, output) => {
    const { command, args, env } = runtime;
    const options = { command, env: { ...env, SERVER_PORT: port } };
    const client = await runIn(folder, [...args, "client.js"], options);
    if (client.code !== 0 || client.output !== "hello") {
      throw new Failure(`the client ended with ${client.code} and said:\n${client.output}`);
    }
    expectParts(output(), "server sees 5");
  });
}

async function program({ command, args, env }, folder, name, ...parts) {
  const { code, output } = await runIn(folder, [...args, name], { command, env });
  expectParts(output, ...parts);
  if (code !== 0 || output.includes("FAILED"))
    throw new Failure(`it ended with ${code} and said:\n${output}`);
}

/** A program that has to fail, and to say this. */
async function fails({ command, args, env }, folder, name, ...parts) {
  const { code, output } = await runIn(folder, [...args, name], { command, env });
  expectParts(output, ...parts);
  if (code === 0) throw new Failure(`it did not fail, and said:\n${output}`);
}

await main(async () => {
  await build({ quiet: true });
  const tally = new Tally();
  const checks = new Checks(tally);
  const at = process.argv.indexOf("--only");
  const only = at < 0 ? "" : process.argv[at + 1];
  await withFolder(async (folder) => {
    const packed = await packAll(join(folder, "packed"));
    const project = await makeProject(join(folder, "project"), [packed.root, packed.platform]);
    for (const name of ["runtime.mjs", "push_throwing_fatal.mjs"])
      copyFileSync(join(root, "test", "programs", name), join(project, name));
    writeFileSync(join(project, "import.mjs"), 'import "portside";\nconsole.log("imported");\n');
    await checks.check("the README's snippets compile", () => compileReadme(project));
    for (const runtime of (await runtimes(folder)).filter(({ name }) => name.startsWith(only))) {
      const { name, limited } = runtime;
      await checks.check(`${name}: the README's server and client`, () => readme(runtime, project));
      await checks.check(`${name}: push, pull, large transfers, timers, posting, workers`, () =>
        program(runtime, project, "runtime.mjs", /^end$/m),
      );
      await checks.check(`${name}: a handler that throws ends it, and says why`, () =>
        fails(runtime, project, "push_throwing_fatal.mjs", "thrown in data"),
      );
      if (!limited) continue;
      const least = { ...runtime, args: limited };
      await checks.check(`${name}: importing needs no more than reading and ffi`, () =>
        program(least, project, "import.mjs", /^imported$/m),
      );
      await checks.check(`${name}: nor does the rest, but for names`, () =>
        program(least, project, "runtime.mjs", /^end$/m),
      );
    }
  });
  tally.close();
});
