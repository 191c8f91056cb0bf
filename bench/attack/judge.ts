import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { Message } from "./board.js";
import type { RoundOptions } from "./round.js";
import { type RoundKind, roundKinds } from "./rounds.js";
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

async function watch(options: RoundOptions, environment: Environment, stacks: string): Promise<Verdict> {
  const child = spawn(
    process.execPath,
    [...reporting(stacks), "--expose-gc", roundPath, JSON.stringify(options)],
    { env: { ...process.env, ...environment }, stdio: ["ignore", "pipe", "pipe", "pipe"] },
  );
  const watched = new Watched();
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (text: string) => watched.print(text));
  createInterface({ input: child.stdio[3] as Readable }).on("line", (line) =>
    watched.hear(JSON.parse(line) as Message),
  );
  const watchdog = setInterval(() => {
    const what = watched.complaint(residentMegabytes(child.pid as number));
    if (what === undefined) return;
    clearInterval(watchdog);
    void stackOf(child, stacks).then((stack) => {
      watched.verdict.faults.push(`${what}\n${stack}`);
      child.kill("SIGKILL");
    });
  }, 500);
  return new Promise((resolve) => {
    child.on("close", (code, signal) => {
      clearInterval(watchdog);
      watched.ends(code, signal, roundKinds[options.name].ending);
      resolve(watched.verdict);
    });
  });
}

/** What is known of a round while it runs. */
class Watched {
  readonly verdict: Verdict = { faults: [], counts: {}, bytes: 0, victims: 0, reports: 0 };
  #output = "";
  #doing = "starting";
  #steps = -1;
  #movedAt = Date.now();
  #done = false;

  print(text: string): void {
    this.#output = (this.#output + text).slice(-4000);
  }

  hear(message: Message): void {
    if (message.type !== "alive" || message.steps !== this.#steps) this.#movedAt = Date.now();
    switch (message.type) {
      case "alive":
        this.#steps = message.steps;
        this.#doing = message.doing;
        return;
      case "fault":
        this.verdict.faults.push(message.text);
        return;
      case "victims":
        this.verdict.bytes = message.bytes;
        this.verdict.victims = message.connections;
        return;
      case "done":
        this.#done = true;
        this.verdict.counts = message.counts;
        this.#doing = "leaving";
    }
  }

  /** Why it has to be ended now, if it has. */
  complaint(memory: number): string | undefined {
    if (memory > mostMemory) return `it holds ${memory} MB of memory, at: ${this.#doing}`;
    return Date.now() - this.#movedAt < patience ? undefined : `it hangs, at: ${this.#doing}`;
  }

  ends(code: number | null, signal: NodeJS.Signals | null, ending: RoundKind["ending"]): void {
    const { faults } = this.verdict;
    const expected = ending === "exit code 37" ? 37 : 0;
    if (signal === "SIGKILL" && faults.length > 0) return; // by the watchdog
    if (code !== expected)
      faults.push(`it ended with ${signal ?? `code ${code}`}, at: ${this.#doing}\n${this.#output}`);
    else if (!this.#done && ending !== "exit code 37") faults.push(`it left too early, at: ${this.#doing}`);
  }
}

function residentMegabytes(pid: number): number {
  try {
    const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"));
    return match ? Number(match[1]) / 1000 : 0;
  } catch {
    return 0; // it is gone, or this system has no such file
  }
}
