// A thread beside the attacked one: it plays the peers of all victims with node:net, compares every byte that comes back,
// and tells the parent that the other thread lives. Nothing that is done to that thread's globals reaches this one.
import net from "node:net";
import { parentPort, workerData } from "node:worker_threads";
import { Random } from "../stress/random.js";
import { Board, tell } from "./board.js";
import { firstWrong, longestPiece, piece } from "./pattern.js";

/** Seconds a victim may stand still. */
const patience = 30;
const window = 40_000;

export interface CheckerData {
  memory: SharedArrayBuffer;
  seed: number;
  /** Connections per listener. */
  connections: number;
}

const { memory, seed, connections } = workerData as CheckerData;
const board = new Board(memory);
const random = new Random(seed);
const streams: Stream[] = [];
let finishing = false;
let total = 0;

class Stream {
  readonly #id = streams.length;
  readonly #socket: net.Socket;
  #sent = 0;
  #received = 0;
  #over = false;
  #movedAt = performance.now();
  #waits = false;

  constructor(socket: net.Socket) {
    this.#socket = socket;
    streams.push(this);
    socket.setNoDelay(true);
    socket.on("data", (chunk) => this.#check(chunk));
    socket.on("end", () => this.#end());
    socket.on("error", (error) => this.#complain(`the connection was lost: ${error.message}`));
    socket.on("close", () => {
      if (!this.#over) this.#complain("the connection was closed");
    });
    this.#fill();
  }

  get over(): boolean {
    return this.#over;
  }

  judge(now: number): void {
    if (!this.#over && now - this.#movedAt > patience * 1000) {
      this.#complain(`nothing has come back for ${patience} s (${this.#sent} bytes sent)`);
    }
  }

  fill(): void {
    this.#waits = false;
    this.#fill();
  }

  #fill(): void {
    while (!finishing && this.#sent - this.#received < window) {
      const size = random.chance(0.7) ? random.integer(1, 300) : random.integer(301, longestPiece);
      this.#socket.write(piece(this.#id, this.#sent, size));
      this.#sent += size;
    }
    if (finishing && this.#received === this.#sent) this.#socket.end();
  }

  #check(chunk: Buffer): void {
    const wrong = firstWrong(this.#id, this.#received, chunk);
    if (wrong >= 0) return this.#complain(`byte ${this.#received + wrong} is not the one that was sent`);
    this.#received += chunk.length;
    total += chunk.length;
    if (this.#received > this.#sent) return this.#complain("more came back than was sent");
    this.#movedAt = performance.now();
    board.echoed(this.#id);
    if (this.#waits) return;
    this.#waits = true;
    setTimeout(() => this.fill(), random.integer(2, 20)); // the attackers need the processor, too
  }

  #end(): void {
    if (!finishing || this.#received !== this.#sent) this.#complain("the stream ended too early");
    this.#over = true;
  }

  #complain(what: string): void {
    if (this.#over) return;
    this.#over = true;
    tell({ type: "fault", text: `victim ${this.#id}, after ${this.#received} bytes: ${what}` });
    this.#socket.destroy();
  }
}

const server = net.createServer({ allowHalfOpen: true }, (socket) => new Stream(socket));
server.listen(0, "127.0.0.1", () => parentPort?.postMessage((server.address() as net.AddressInfo).port));

parentPort?.on("message", (message: number[] | "finish") => {
  if (message === "finish") {
    finishing = true;
    for (const stream of streams) stream.fill();
    return;
  }
  for (const port of message) {
    for (let count = 0; count < connections; count++) {
      const socket = net.connect({ host: "127.0.0.1", port, allowHalfOpen: true });
      socket.once("connect", () => new Stream(socket));
      socket.once("error", (error) =>
        tell({ type: "fault", text: `a victim's connect failed: ${error.message}` }),
      );
    }
  }
});

const heartbeat = setInterval(() => {
  const now = performance.now();
  for (const stream of streams) stream.judge(now);
  tell({ type: "alive", steps: board.steps, doing: board.doing });
  if (!finishing || streams.some(({ over }) => !over)) return;
  clearInterval(heartbeat);
  server.close();
  parentPort?.close();
  board.finish();
  tell({ type: "victims", bytes: total, connections: streams.length });
}, 200);
