import { Worker } from "node:worker_threads";
import { CompletionPort, connect, listen, type SocketHandlers, type TcpSocket } from "../../src/index.js";
import type { Board } from "./board.js";
import { tell } from "./board.js";
import type { CheckerData } from "./checker.js";
import { sleep } from "./clock.js";

const host = "127.0.0.1";

/** Connections that send everything back, in every style, and that no attack may touch. Their peers are the checker's. */
export class Victims {
  readonly #checker: Worker;
  readonly #board: Board;
  readonly #own = new CompletionPort();
  readonly #listeners: { close(): Promise<void> }[] = [];
  #port = 0;

  private constructor(board: Board, seed: number, connections: number) {
    this.#board = board;
    const workerData: CheckerData = { memory: board.memory, seed, connections };
    this.#checker = new Worker(new URL("./checker.js", import.meta.url), { workerData });
    this.#checker.on("error", (error) => tell({ type: "fault", text: `the checker failed: ${error.stack}` }));
  }

  static async start(board: Board, seed: number, present: boolean): Promise<Victims> {
    const victims = new Victims(board, seed, 2);
    victims.#port = await new Promise<number>((resolve) => victims.#checker.once("message", resolve));
    if (present) await victims.#settle();
    return victims;
  }

  /** Ports that are theirs. */
  get port(): CompletionPort {
    return this.#own;
  }

  /** Lets the streams come to their end, which the checker judges. */
  async finish(): Promise<void> {
    this.#checker.postMessage("finish");
    // Its own "exit" would come by way of Node's clocks, and these may have stood still.
    while (!this.#board.finished) await sleep(20);
    for (const listener of this.#listeners) await listener.close();
    await this.#own.close();
  }

  async #settle(): Promise<void> {
    const ports: number[] = [];
    for (const completionPort of [CompletionPort.default, this.#own]) {
      const push = await listen({ host, completionPort }, echoing);
      const borrowing = await listen({ host, completionPort, borrow: true, highWaterMark: 1000 }, echoing);
      const pull = await listen({ host, completionPort });
      void serve(pull);
      ports.push(push.address.port, borrowing.address.port, pull.address.port);
      this.#listeners.push(push, borrowing, pull);
      await connect({ host, port: this.#port, completionPort }, echoing);
      void echo(await connect({ host, port: this.#port, completionPort }));
    }
    this.#checker.postMessage(ports);
  }
}

function complain(error: unknown): void {
  tell({ type: "fault", text: `a victim was told: ${(error as Error)?.stack ?? error}` });
}

const echoing: SocketHandlers = {
  data(socket, chunk) {
    if (!socket.write(chunk)) socket.pause();
  },
  drain(socket) {
    socket.resume();
  },
  error(_socket, error) {
    complain(error);
  },
};

async function serve(listener: AsyncIterable<TcpSocket>): Promise<void> {
  try {
    for await (const socket of listener) void echo(socket);
  } catch (error) {
    complain(error);
  }
}

async function echo(socket: TcpSocket): Promise<void> {
  try {
    for (let chunk = await socket.recv(); chunk !== null; chunk = await socket.recv())
      await socket.send(chunk);
    await socket.shutdown();
    await socket.close();
  } catch (error) {
    complain(error);
  }
}
