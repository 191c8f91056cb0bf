/** Runs a command and says how it ended. */
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { root } from "./paths.mjs";

/** What a command's code is when it took longer than its limit; timeout(1) says the same. */
export const late = 124;

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ quiet?: boolean, cwd?: string, env?: Record<string, string | undefined>, input?: string,
 *   file?: number, limit?: number }} [options]
 *   quiet: keep the output instead of showing it; env: added to ours; input: written to its standard input;
 *   file: an open file that takes the output instead; limit: milliseconds after which it is killed
 * @returns {Promise<{ code: number, output: string, missing: boolean }>} code: as a shell counts it, 128 + signal
 *   when killed; output: standard output and error mixed, only with quiet; missing: no such command
 */
export function run(command, args, { quiet = false, cwd = root, env = {}, input, file, limit } = {}) {
  return new Promise((resolve) => {
    const sink = file ?? (quiet ? "pipe" : "inherit");
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: [input === undefined ? "ignore" : "pipe", sink, sink],
      timeout: limit,
      killSignal: "SIGKILL",
    });
    const begin = Date.now();
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text) => {
        output += text;
      });
    }
    if (input !== undefined) {
      child.stdin?.on("error", () => {}); // a child that never reads is judged by its exit code
      child.stdin?.end(input);
    }
    child.on("error", (error) => {
      resolve({ code: 127, output: `${output}${error.message}\n`, missing: error.code === "ENOENT" });
    });
    child.on("close", (code, signal) => {
      const killed = limit !== undefined && signal === "SIGKILL" && Date.now() - begin >= limit;
      resolve({ code: killed ? late : (code ?? 128 + constants.signals[signal]), output, missing: false });
    });
  });
}
