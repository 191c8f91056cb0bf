/** Runs what may hang or crash: with a limit, and with everything that it has started. */
import { spawn } from "node:child_process";

/** @type {Set<import("node:child_process").ChildProcess>} */
const running = new Set();

/**
 * @param {number} limit milliseconds; then it is killed, with its children
 * @param {{ folder: string, env?: Record<string, string> }} options
 * @returns {Promise<{ code: number, output: string, late: boolean }>}
 */
export function endsWithin(limit, command, args, { folder, env = {} }) {
  return new Promise((resolve) => {
    // A process group of its own: vitest's workers and their programs must not outlive it.
    const child = spawn(command, args, {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    running.add(child);
    let output = "";
    let late = false;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        output += text;
      });
    }
    const timer = setTimeout(() => {
      late = true;
      kill(child);
    }, limit);
    const ended = (code) => {
      clearTimeout(timer);
      running.delete(child);
      kill(child);
      resolve({ code, output, late });
    };
    child.on("error", (error) => {
      output += `${error.message}\n`;
      ended(127);
    });
    // Not "close": a program that is left over may hold the pipes.
    child.on("exit", (code) => ended(code ?? 1));
  });
}

/** Ends what is running now: this process is about to leave. */
export function killAll() {
  for (const child of running) kill(child);
}

function kill(child) {
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // Nothing of it is left.
  }
}
