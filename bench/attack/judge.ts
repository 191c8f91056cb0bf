import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { Message } from "./board.js";
import type { RoundOptions } from "./round.js";
import { roundKinds } from "./rounds.js";
import { reporting, stackOf } from "./stack.js";

/** Milliseconds without any progress after which a round hangs. */
const patience = 30_000;
/** Of memory a round may hold, in megabytes; a sanitizer keeps what was freed. */
const mostMemory = 1500;

const roundPath = fileURLToPath(new URL("./round.js", import.meta.url));

export interface Verdict {
  faults: string[];
  counts: Record<string, number>;
  /** Bytes that victims got back, and compared. */
  bytes: number;
  victims: number;
  /** Of sanitizers. */
  reports: number;
}

export type Environment = Record<string, string>;

/** Runs one round and says what was wrong with it. */
export async function judge(options: RoundOptions, environment: Environment): Promise<Verdict> {
  const folder = mkdtempSync(join(tmpdir(), "portside-attack-"));
  const stacks = join(folder, "stacks");
  try {
    const verdict = await watch(options, { ...environment, ...reportingTo(folder, environment) }, stacks);
    for (const file of readdirSync(folder, { withFileTypes: true })) {
      if (!file.isFile()) continue;
      verdict.reports++;
      verdict.faults.push(`a sanitizer reports:\n${readFileSync(join(folder, file.name), "utf8")}`);
    }
    return verdict;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

// The last word counts.
function reportingTo(folder: string, environment: Environment): Environment {
  const options = (name: string) => `${environment[name] ?? ""}:log_path=${join(folder, name)}`;
  return "LD_PRELOAD" in environment
    ? { ASAN_OPTIONS: options("ASAN_OPTIONS"), UBSAN_OPTIONS: options("UBSAN_OPTIONS") }
    : {};
}

function watch(options: RoundOptions, environment: Environment, stacks: string): Promise<Verdict> {
  const { ending } = roundKinds[options.name];
  const verdict: Verdict = { faults: [], counts: {}, bytes: 0, victims: 0, reports: 0 };
  const child = spawn(
    process.execPath,
    [...reporting(stacks), "--expose-gc", roundPath, JSON.stringify(options)],
    { env: { ...process.env, ...environment }, stdio: ["ignore", "pipe", "pipe", "pipe"] },
  );
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-4000);
    });
  let doing = "starting";
  let steps = -1;
  let movedAt = Date.now();
  let done = false;
  createInterface({ input: child.stdio[3] as Readable }).on("line", (line) => {
    const message = JSON.parse(line) as Message;
    if (message.type === "alive") {
      if (message.steps !== steps) movedAt = Date.now();
      ({ steps, doing } = message);
    } else {
      movedAt = Date.now();
      if (message.type === "fault") verdict.faults.push(message.text);
      else if (message.type === "victims") {
        verdict.bytes = message.bytes;
        verdict.victims = message.connections;
      } else {
        done = true;
        verdict.counts = message.counts;
        doing = "leaving";
      }
    }
  });
  const watchdog = setInterval(() => {
    const memory = residentMegabytes(child.pid as number);
    if (memory <= mostMemory && Date.now() - movedAt < patience) return;
    const what = memory > mostMemory ? `it holds ${memory} MB of memory` : "it hangs";
    const fault = verdict.faults.push(`${what}, at: ${doing}`) - 1;
    clearInterval(watchdog);
    void stackOf(child, stacks).then((stack) => {
      verdict.faults[fault] += `\n${stack}`;
      child.kill("SIGKILL");
    });
  }, 500);
  return new Promise((resolve) => {
    child.on("close", (code, signal) => {
      clearInterval(watchdog);
      const expected = ending === "exit code 37" ? 37 : 0;
      const killed = signal === "SIGKILL" && verdict.faults.length > 0;
      if (code !== expected && !killed)
        verdict.faults.push(`it ended with ${signal ?? `code ${code}`}, at: ${doing}\n${output}`);
      else if (!done && ending !== "exit code 37" && !killed)
        verdict.faults.push(`it left too early, at: ${doing}`);
      resolve(verdict);
    });
  });
}

function residentMegabytes(pid: number): number {
  try {
    const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"));
    return match ? Number(match[1]) / 1000 : 0;
  } catch {
    return 0; // it is gone, or this system has no such file
  }
}
