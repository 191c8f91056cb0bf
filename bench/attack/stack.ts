import type { ChildProcess } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const signal = "SIGUSR2";

/** Arguments of Node for a process whose stack may be asked for. */
export function reporting(folder: string): string[] {
  mkdirSync(folder, { recursive: true });
  return ["--report-on-signal", `--report-signal=${signal}`, `--report-directory=${folder}`];
}

interface Report {
  javascriptStack?: { stack?: string[] };
  javascriptHeap?: { usedMemory?: number; externalMemory?: number; mallocedMemory?: number };
  workers?: Report[];
}

/** Where a process is that does not answer: its JavaScript stack, or what it waits for in the kernel. */
export async function stackOf(child: ChildProcess, folder: string): Promise<string> {
  child.kill(signal);
  for (let waits = 0; waits < 50; waits++) {
    await sleep(100);
    for (const file of readdirSync(folder)) {
      const report = parsed(join(folder, file));
      const { javascriptStack } = report;
      if (!javascriptStack) continue;
      return `${(javascriptStack.stack ?? []).join("\n") || "an empty stack: it waits"}\n${heaps(report)}`;
    }
  }
  return `no JavaScript answers: it is in native code (${systemCall(child.pid as number)})`;
}

function heaps(report: Report): string {
  return [report, ...(report.workers ?? [])]
    .map(({ javascriptHeap: heap }) =>
      JSON.stringify(heap, ["usedMemory", "externalMemory", "mallocedMemory", "totalCommittedMemory"]),
    )
    .join("\n");
}

function parsed(path: string): Report {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Report;
  } catch {
    return {}; // not written to its end
  }
}

function systemCall(pid: number): string {
  try {
    return `system call ${readFileSync(`/proc/${pid}/syscall`, "latin1").trim()}`;
  } catch {
    return "nothing more is known on this system";
  }
}
