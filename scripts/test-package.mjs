/** npm run test:package: what npm packs, installed where there is no compiler; and what an import says that cannot work. */
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "./lib/build.mjs";
import { Checks, expectParts } from "./lib/checks.mjs";
import { compile } from "./lib/consumer-types.mjs";
import { Failure, main } from "./lib/fail.mjs";
import { makeProject, packAll, platformPackage, runIn, withFolder } from "./lib/packed.mjs";
import { addonPath, root } from "./lib/paths.mjs";
import { run } from "./lib/run.mjs";
import { bunBinary, esbuildBinary } from "./lib/runtimes.mjs";
import { Tally } from "./lib/tally.mjs";

const echo = `
import { connect, listen } from "portside";
const listener = await listen({ host: "127.0.0.1" }, { data: (socket, chunk) => void socket.write(chunk) });
const socket = await connect({ host: "127.0.0.1", port: listener.address.port });
await socket.send("first echo");
console.log(Buffer.from((await socket.recv()) ?? "").toString());
await socket.close();
await listener.close();
`;

/** The same without top-level await, which CommonJS lacks. */
const echoLater = `
import { connect, listen } from "portside";
async function main() {${echo.replace(/import .*/, "")}}
main();
`;

const typedEcho = echo
  .replace("connect, listen", "connect, listen, type TcpSocket")
  .replace("(socket, chunk)", "(socket: TcpSocket, chunk: Uint8Array)");

/** Catches what an import throws, and says what a program could read. */
const caught = `
import("portside").then(
  () => console.log("imported"),
  (error) => console.log([error instanceof Error, error.name, error.code, error.message].join(" | ")),
);
`;

await main(async () => {
  await build({ quiet: true });
  const tally = new Tally();
  const checks = new Checks(tally);
  await withFolder(async (folder) => {
    const before = await changedFiles();
    const packed = await packAll(join(folder, "packed"));
    await checks.check("packing leaves nothing behind", async () => {
      const after = await changedFiles();
      if (after !== before) throw new Failure(`git status before:\n${before}\nand after:\n${after}`);
    });
    const project = await makeProject(join(folder, "project"), [packed.root, packed.platform]);
    await contents(checks, project);
    await firstEcho(checks, project);
    await bundles(checks, project);
    await badBinaries(checks, project);
    await installs(checks, folder, packed);
  });
  tally.close();
});

async function changedFiles() {
  const { output } = await run("git", ["status", "--porcelain", "--ignored=matching"], { quiet: true });
  return output;
}

async function contents(checks, project) {
  const installed = join(project, "node_modules");
  await checks.check("the root's package holds what it should", async () => {
    const files = await listed(join(installed, "portside"));
    for (const wanted of ["LICENSE", "README.md", "CHANGELOG.md", "package.json", "dist/src/index.js"]) {
      if (!files.includes(wanted)) throw new Failure(`it lacks ${wanted}`);
    }
    const allowed =
      /^(dist\/(src|platforms)|src|native|platforms)\/|^[A-Z]+\.md$|^LICENSE$|^package.json$|^CMakeLists.txt$/;
    const wrong = files.filter(
      (file) => !allowed.test(file) || /\.node$|\btest|\.tsbuildinfo$|cache/.test(file),
    );
    if (wrong.length > 0) throw new Failure(`it holds ${wrong.join(", ")}`);
    const sources = files
      .filter((file) => /^dist\/.*\.js$/.test(file))
      .map((file) => `${file.slice(5, -3)}.ts`);
    const gone = sources.filter((file) => !existsSync(join(root, file)));
    if (gone.length > 0) throw new Failure(`it holds what was compiled from ${gone.join(", ")}`);
  });
  await checks.check(`${platformPackage.name} holds the binary, its README and the licence`, async () => {
    const folder = join(installed, platformPackage.name);
    const files = await listed(folder);
    const wanted = "LICENSE README.md package.json portside.node";
    if (files.join(" ") !== wanted) throw new Failure(`it holds ${files.join(", ")}`);
    const { os, cpu } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    if (`${os} ${cpu}` !== `${process.platform} ${process.arch}`) throw new Failure(`it is for ${os} ${cpu}`);
    const same = readFileSync(join(folder, "portside.node")).equals(readFileSync(addonPath("build")));
    if (!same) throw new Failure("its binary is not the one that was built here");
  });
}

async function firstEcho(checks, project) {
  writeFileSync(join(project, "echo.mjs"), echo);
  writeFileSync(join(project, "echo.ts"), typedEcho);
  const program = (name) => async () => {
    const { code, output } = await runIn(project, [name]);
    if (code !== 0 || output !== "first echo\n") throw new Failure(`it ended with ${code}:\n${output}`);
  };
  await checks.check("plain JavaScript: the first echo at the first import", program("echo.mjs"));
  for (const resolution of ["bundler", "nodenext"]) {
    await checks.check(`TypeScript: strict, moduleResolution ${resolution}, no skipLibCheck`, () =>
      compile(project, ["echo.ts"], resolution),
    );
  }
  await checks.check("TypeScript, compiled: the first echo", program("echo.js"));
}

async function bundles(checks, project) {
  writeFileSync(join(project, "later.mjs"), echoLater);
  const esbuild = async (source, outfile, ...options) =>
    succeed(project, await esbuildBinary(), [
      source,
      "--bundle",
      "--platform=node",
      `--outfile=${outfile}`,
      ...options,
    ]);
  const bun = async (source, outfile, ...options) =>
    succeed(project, await bunBinary(), [
      "build",
      source,
      "--target=node",
      `--outfile=${outfile}`,
      ...options,
    ]);
  const external = "--external:portside";
  const works = async (file, options) => {
    const { code, output } = await runIn(project, [file], options);
    if (code !== 0 || output !== "first echo\n") throw new Failure(`it ended with ${code}:\n${output}`);
  };
  const refuses = async (file) => {
    const { code, output } = await runIn(project, [file]);
    if (code === 0) throw new Failure(`it works:\n${output}`);
    expectParts(output, "ERR_PORTSIDE_BUNDLED", 'mark "portside" as external', "PortsideError");
  };
  await checks.check("esbuild, ES module, external: it works", async () => {
    await esbuild("echo.mjs", "out/esm-external.mjs", "--format=esm", external);
    await works("out/esm-external.mjs");
  });
  await checks.check("esbuild, ES module, taken in: the error says so", async () => {
    await esbuild("echo.mjs", "out/esm-inside.mjs", "--format=esm");
    await refuses("out/esm-inside.mjs");
  });
  // A require() of an ES module: Node 20.19, 22.12 and later.
  if (process.features.require_module) {
    await checks.check("esbuild, CommonJS, external: it works", async () => {
      await esbuild("later.mjs", "out/cjs-external.cjs", "--format=cjs", external);
      await works("out/cjs-external.cjs", { env: { NODE_NO_WARNINGS: "1" } });
    });
  }
  await checks.check("esbuild, CommonJS, taken in: the error says so", async () => {
    await esbuild("later.mjs", "out/cjs-inside.cjs", "--format=cjs", "--log-level=error");
    await refuses("out/cjs-inside.cjs");
  });
  await checks.check("a bundle that took it in works with PORTSIDE_ADDON", async () => {
    const env = { PORTSIDE_ADDON: join(project, "node_modules", platformPackage.name, "portside.node") };
    for (const file of ["out/esm-inside.mjs", "out/cjs-inside.cjs"]) await works(file, { env });
  });
  await checks.check("bun build, external: it works on Node and on Bun", async () => {
    await bun("echo.mjs", "out/bun-external.mjs", "--external", "portside");
    await works("out/bun-external.mjs");
    await works("out/bun-external.mjs", { command: await bunBinary() });
  });
  await checks.check("bun build, taken in: the error says so", async () => {
    await bun("echo.mjs", "out/bun-inside.mjs");
    await refuses("out/bun-inside.mjs");
  });
}

async function succeed(cwd, command, args) {
  const { code, output } = await run(command, args, { quiet: true, cwd });
  if (code !== 0) throw new Failure(`${command} ${args.join(" ")} ended with ${code}:\n${output}`);
}

/** Imports the package in a project; what the error said. */
async function importError(folder, { args = [], env } = {}, ...parts) {
  writeFileSync(join(folder, "caught.mjs"), caught);
  const { output } = await runIn(folder, [...args, "caught.mjs"], { env });
  expectParts(output, /^true \| /, ...parts);
}

async function badBinaries(checks, project) {
  const binary = join(project, "node_modules", platformPackage.name, "portside.node");
  const good = readFileSync(binary);
  const carried = `${platformPackage.name}/portside.node: `;
  const cases = {
    "that is no binary": Buffer.from("<html>Not found</html>"),
    "whose end is missing": good.subarray(0, 60),
    "for another architecture": otherArchitecture(good),
  };
  for (const [name, bytes] of Object.entries(cases)) {
    await checks.check(`a binary ${name}: the error says so`, () => {
      writeFileSync(binary, bytes);
      return importError(project, {}, "PortsideError | ERR_PORTSIDE_BAD_BINARY", "does not load", carried);
    });
  }
  await checks.check("a file that is another addon: the error says so", () => {
    writeFileSync(binary, good);
    const env = { PORTSIDE_ADDON: join(project, "package.json") };
    return importError(project, { env }, "ERR_PORTSIDE_BAD_BINARY", "PORTSIDE_ADDON", "not Portside's addon");
  });
  await checks.check("PORTSIDE_ADDON that names nothing: the error says so", () =>
    importError(
      project,
      { env: { PORTSIDE_ADDON: "/nowhere/a.node" } },
      "ERR_PORTSIDE_NO_BINARY",
      "PORTSIDE_ADDON",
    ),
  );
  await checks.check("a process that may not load addons: the error says so", () =>
    importError(project, { args: ["--no-addons"] }, "ERR_PORTSIDE_BAD_BINARY", "may not load native code"),
  );
}

/** With the machine's number in its head changed (ELF, Mach-O, or PE). */
function otherArchitecture(good) {
  const bytes = Buffer.from(good);
  const at = { win32: bytes.readUInt32LE(0x3c) + 4, darwin: 4 }[process.platform] ?? 18;
  bytes.writeUInt16LE(0x1234, at);
  return bytes;
}

async function installs(checks, folder, packed) {
  await checks.check("without the system's package: the error names it", async () => {
    const project = await makeProject(join(folder, "alone"), [packed.root]);
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    const wanted = `add the package ${platformPackage.name}@${version}`;
    await importError(project, {}, "PortsideError | ERR_PORTSIDE_NO_BINARY", wanted);
  });
  const clone = join(folder, "clone");
  await succeed(folder, "git", ["clone", "--quiet", "--depth", "1", pathToFileURL(root).href, clone]);
  await checks.check("an unbuilt clone's folder: the error says what to run, and where", async () => {
    const project = await makeProject(join(folder, "linked"), [clone]);
    await importError(project, {}, "ERR_PORTSIDE_NOT_BUILT", `run "npm ci && npm run build" in ${clone}`);
    writeFileSync(join(project, "names.mjs"), echo); // named imports must not fail before the error is thrown
    const { output } = await runIn(project, ["names.mjs"]);
    expectParts(output, "ERR_PORTSIDE_NOT_BUILT");
  });
  await checks.check("the repository's URL: the error says what to do", async () => {
    // npm wants git for it, and whatever the packages that we develop with want; this takes its time.
    const url = `git+${pathToFileURL(clone).href}`;
    const project = await makeProject(join(folder, "url"), [url], { bare: false });
    await importError(project, {}, "ERR_PORTSIDE_NOT_BUILT", "installed from its repository");
  });
  await checks.check("a clone whose addon alone is missing: the error says what to run", async () => {
    cpSync(join(root, "dist"), join(clone, "dist"), { recursive: true });
    const wanted = `run "npm ci && npm run build" in ${clone}`;
    const built = join("build", "Release", "portside.node");
    await importError(join(folder, "linked"), {}, "PortsideError | ERR_PORTSIDE_NOT_BUILT", wanted, built);
  });
}

async function listed(folder) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll("\\", "/"))
    .sort();
}
