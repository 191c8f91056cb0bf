/** A copy of the project in which mutants are built, so that the original is left alone. */
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import { join } from "node:path";
import { Failure } from "./fail.mjs";
import { endsWithin } from "./mutant-run.mjs";
import { root, tools } from "./paths.mjs";
import { run } from "./run.mjs";

/** Milliseconds that the compilers may take. */
const patience = 600_000;

export class Copy {
  /** @type {Map<string, string>} what the files were that are changed now */
  #originals = new Map();
  /** @type {Set<string>} files that were written since the last build */
  #written = new Set();
  folder = mkdtempSync(join(os.tmpdir(), "portside-mutants-"));

  /** Brings what git knows, as it is in the working tree, and builds it; packages are shared. */
  async fill() {
    const { folder } = this;
    const listed = await run("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
      quiet: true,
    });
    if (listed.code !== 0) throw new Failure(`git ls-files failed: ${listed.output}`);
    for (const file of listed.output.split("\n")) {
      if (file === "" || !existsSync(join(root, file))) continue; // removed, and git not told yet
      cpSync(join(root, file), join(folder, file), { force: true });
    }
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"), "dir");
    // Its own scripts, which take the folder that they lie in for the project.
    const { code, output } = await endsWithin(patience, process.execPath, ["scripts/build.mjs"], {
      folder,
    });
    if (code !== 0) throw new Failure(`the copy does not build as it is:\n${output}`);
  }

  /** Writes the files of a mutant, and back what the last one had changed. */
  write(files) {
    const next = new Map(files);
    for (const [path, text] of this.#originals) {
      if (!next.has(path)) this.#write(path, text);
    }
    const originals = new Map();
    for (const [path, text] of next) {
      originals.set(path, this.#originals.get(path) ?? readFileSync(join(this.folder, path), "utf8"));
      this.#write(path, text);
    }
    this.#originals = originals;
  }

  #write(path, text) {
    writeFileSync(join(this.folder, path), text);
    this.#written.add(path);
  }

  /** Before a mutant is looked for: its places are those of the original. */
  restore() {
    this.write([]);
  }

  /** Compiles what has changed; returns "" or what the compilers say. */
  async build() {
    const compilers = [
      { wants: /\.(cpp|h)$/, command: "cmake", args: ["--build", "build", "--config", "Release"] },
      {
        wants: /\.ts$/,
        command: process.execPath,
        args: [tools.tsc, "--incremental", "--tsBuildInfoFile", "dist/.tsbuildinfo"],
      },
    ];
    const written = [...this.#written];
    for (const { wants, command, args } of compilers) {
      if (!written.some((path) => wants.test(path))) continue;
      const { code, output } = await endsWithin(patience, command, args, { folder: this.folder });
      if (code !== 0) return output;
    }
    // After a failure all of it is looked at again.
    this.#written.clear();
    return "";
  }

  remove() {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
