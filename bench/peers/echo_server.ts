// The echo servers that are measured, each in a process of its own:
//
//   node echo_server.js <handlers|borrow|promises|net>
//
// Prints its port, then obeys one command per line of standard input, each answered by one line:
//   usage  -> "usage <user+system microseconds> <resident bytes>"
//   memory -> the same after a full garbage collection (needs node --expose-gc)
//   timer start -> "timer started"; timer stop -> "timer <p50> <p99> <max>", lateness of a 5 ms timer in ms
//   quit (or end of input) ends it
import process from "node:process";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { TimerLateness } from "../timer_lateness.js";
import { isStyle, start } from "./styles.js";

const lateness = new TimerLateness(5);

function usage(): string {
  const { user, system } = process.cpuUsage();
  return `${user + system} ${process.memoryUsage.rss()}`;
}

/** Collects until nothing is left to collect and V8 has had the time to give pages back. */
async function collectGarbage(): Promise<void> {
  for (let round = 0; round < 3; round++) {
    globalThis.gc?.();
    await sleep(100);
  }
}

async function obey(command: string): Promise<string> {
  switch (command) {
    case "usage":
      return `usage ${usage()}`;
    case "memory":
      await collectGarbage();
      return `memory ${usage()}`;
    case "timer start":
      lateness.start();
      return "timer started";
    case "timer stop":
      return `timer ${lateness.stop().join(" ")}`;
    case "quit":
      return process.exit(0);
    default:
      return `unknown ${command}`;
  }
}

const style = process.argv[2] ?? "";
if (!isStyle(style)) {
  console.error(`echo_server: no such style: ${style}`);
  process.exit(2);
}
console.log(String(await start(style)));
for await (const line of createInterface({ input: process.stdin })) console.log(await obey(line));
process.exit(0);
