import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { createInterface, type Interface } from "node:readline";
import { system } from "../platforms/rooms.js";
import { checkBuilt, echoServer, floorServer, loadGenerator } from "./paths.js";
import type { Style } from "./peers/styles.js";

const serverCpu = 0;
const loadCpu = 1;

/** Portside's own styles, and what each is called as another checkout has it: see measureAgainst(). */
export const earlier = {
  handlers: "handlers, before",
  borrow: "borrow, before",
  promises: "promises, before",
} as const satisfies Record<Exclude<Style, "net">, string>;

/** Who can be measured: the floor in C, or an echo server in Node. */
export type Peer = "floor" | Style | (typeof earlier)[keyof typeof earlier];

let otherCheckout: string | undefined;

/** Lets every one of Portside's styles be measured as `checkout` has it, too. */
export function measureAgainst(checkout: string): void {
  checkBuilt(checkout);
  otherCheckout = checkout;
}

/** The peers, each of Portside's with its earlier self where there is one to measure against. */
export function withEarlier(peers: readonly Peer[]): readonly Peer[] {
  if (otherCheckout === undefined) return peers;
  const names: Partial<Record<Peer, Peer>> = earlier;
  return peers.flatMap((peer) => (names[peer] ? [peer, names[peer]] : [peer]));
}

function serverArgs(peer: Exclude<Peer, "floor">): string[] {
  const [style = "", before] = peer.split(", ");
  return ["--expose-gc", echoServer(before && otherCheckout), style];
}

/** A child process that is spoken to in lines. It ends with us: its standard input ends then. */
class LineProcess {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #input: Interface;
  readonly #lines: AsyncIterator<string>;

  constructor(name: string, cpu: number, command: string, args: string[]) {
    this.#name = name;
    const [file, fileArgs] = system.pinned(cpu, command, args);
    this.#child = spawn(file, fileArgs, { stdio: ["pipe", "pipe", "inherit"] });
    this.#child.stdin?.on("error", () => {}); // it died; next() says so
    this.#child.on("error", () => this.#input.close()); // it never started, likewise
    this.#input = createInterface({ input: this.#child.stdout! });
    this.#lines = this.#input[Symbol.asyncIterator]();
  }

  async next(): Promise<string> {
    const { done, value } = await this.#lines.next();
    if (done) throw new Error(`The benchmark's ${this.#name} ended too early.`);
    return value;
  }

  say(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  ask(line: string): Promise<string> {
    this.say(line);
    return this.next();
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.stdin?.end();
    await ended;
  }
}

/** CPU time in microseconds since the process began, and resident memory in bytes. */
export interface Usage {
  cpu: number;
  resident: number;
}

/** A running echo server, pinned to its core. */
export class Server {
  readonly #process: LineProcess;
  readonly port: number;

  private constructor(lines: LineProcess, port: number) {
    this.#process = lines;
    this.port = port;
  }

  static async start(peer: Peer): Promise<Server> {
    const lines =
      peer === "floor"
        ? new LineProcess("C server", serverCpu, floorServer, [])
        : new LineProcess(`server (${peer})`, serverCpu, process.execPath, serverArgs(peer));
    return new Server(lines, Number(await lines.next()));
  }

  /** What it has used so far; `collected`: after a garbage collection. */
  async usage(collected = false): Promise<Usage> {
    const answer = await this.#process.ask(collected ? "memory" : "usage");
    const [, cpu, resident] = answer.split(" ").map(Number);
    return { cpu: cpu!, resident: resident! };
  }

  async startTimer(): Promise<void> {
    await this.#process.ask("timer start");
  }

  /** Lateness of the timer since startTimer(), in milliseconds. */
  async stopTimer(): Promise<{ p50: number; p99: number; max: number }> {
    const [, p50, p99, max] = (await this.#process.ask("timer stop")).split(" ").map(Number);
    return { p50: p50!, p99: p99!, max: max! };
  }

  stop(): Promise<void> {
    return this.#process.end();
  }
}

/** What the load generator prints: times in microseconds, saturation as a share of 1. */
export interface LoadReport {
  operations: number;
  failures: number;
  bytesVerified: number;
  seconds: number;
  saturation: number;
  p50: number;
  p99: number;
  p999: number;
}

/** The load generator's arguments, see bench/load/main.cpp. */
export interface LoadOptions {
  mode: "echo" | "connect" | "hold";
  connections: number;
  bytes?: number;
  seconds?: number;
}

/** A running load generator, pinned to the other core. */
export class Load {
  readonly #process: LineProcess;

  constructor(port: number, options: LoadOptions) {
    const args = Object.entries({ port, ...options }).flatMap(([name, value]) => [
      `--${name}`,
      String(value),
    ]);
    this.#process = new LineProcess("load generator", loadCpu, loadGenerator, args);
  }

  /** Waits until it has connected and warmed up, and is silent. */
  async ready(): Promise<void> {
    await this.#process.next();
  }

  /** Lets it run, until every message in flight is back. */
  async run(): Promise<LoadReport> {
    return JSON.parse(await this.#process.ask("go")) as LoadReport;
  }

  /** hold mode: waits until all connections are there; returns how many. */
  async held(): Promise<number> {
    return Number((await this.#process.next()).split(" ")[1]);
  }

  stop(): Promise<void> {
    return this.#process.end();
  }
}
