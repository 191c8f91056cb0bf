import { system } from "../../platforms/rooms.js";
import {
  type CompletionPort,
  connect,
  type ListenOptions,
  listen,
  type PortsideError,
  type SocketOptions,
  type TcpListener,
  type TcpSocket,
} from "../../src/index.js";
import { type Calls, OperationCalls, PromiseCalls } from "./calls.js";
import type { End } from "./end.js";
import type { Ledger } from "./ledger.js";
import { PullEnd } from "./pull_end.js";
import { handlersFor, PushEnd } from "./push_end.js";
import type { Random } from "./random.js";
import { checkPairs } from "./verify.js";

const host = "127.0.0.1";
const styles = ["push", "promises", "operations"] as const;
type Style = (typeof styles)[number];

/** Accepts that a pull-style listener has outstanding. */
const accepts = 4;

/** A listener and its clients, from the first connect to the last close. */
export class Round {
  readonly #port: CompletionPort;
  readonly #random: Random;
  readonly #ledger: Ledger;
  readonly #ends: End[] = [];
  readonly #serving: Promise<void>[] = [];

  constructor(port: CompletionPort, random: Random, ledger: Ledger) {
    this.#port = port;
    this.#random = random;
    this.#ledger = ledger;
  }

  async run(connections: number): Promise<void> {
    const style = this.#random.pick(styles);
    const listener = await this.#listen(style);
    const accepting = style === "push" ? [] : this.#acceptAll(listener, style);
    const { port } = listener.address;
    await Promise.all(Array.from({ length: connections }, () => this.#client(port, this.#random.fork())));
    await this.#ledger.track("listener close", listener.close());
    await Promise.all(accepting);
    await Promise.all(this.#serving);
    checkPairs(this.#ends, this.#ledger);
  }

  /** Ends that are not over, and what they are doing. */
  unfinished(): string[] {
    return this.#ends.filter(({ over }) => !over).map((end) => `${end}: ${end.state}`);
  }

  async #listen(style: Style): Promise<TcpListener> {
    const options = { host, ...this.#acceptOptions(this.#random), ...this.#socketOptions(this.#random) };
    if (style !== "push") return listen(options);
    const handlers = handlersFor((socket) => {
      this.#ledger.count("accept, push");
      this.#serving.push(
        this.#adopt(socket, new PushEnd(this.#ends.length, "push", this.#random.fork(), this.#ledger)),
      );
    });
    return listen(options, handlers);
  }

  #acceptAll(listener: TcpListener, style: Style): Promise<void>[] {
    const calls = this.#callsFor(style);
    const random = this.#random.fork();
    return Array.from({ length: accepts }, async () => {
      while (!listener.closed) {
        const canceled = random.chance(0.05);
        try {
          const canceler = canceled ? (cancel: () => void) => random.later(cancel) : undefined;
          const accepting = calls.accept(listener, canceler);
          const socket = await this.#ledger.track(`accept, ${style}`, accepting);
          const end = new PullEnd(this.#ends.length, style, this.#random.fork(), this.#ledger, calls);
          this.#serving.push(this.#adopt(socket, end));
        } catch (error) {
          const { code } = error as PortsideError;
          if (code === "ECANCELED" && (canceled || listener.closed)) continue;
          this.#ledger.violation(`an accept ended with ${code}`);
          return;
        }
      }
    });
  }

  async #client(port: number, random: Random): Promise<void> {
    await random.pause();
    const style = random.pick(styles);
    const abort = random.chance(0.05) ? new AbortController() : undefined;
    if (abort) random.later(() => abort.abort());
    const options = { host, port, signal: abort?.signal, ...this.#socketOptions(random) };
    let living: Promise<void> | undefined;
    const begin = (socket: TcpSocket) => {
      living = this.#adopt(socket, this.#clientEnd(style, random));
    };
    try {
      const connecting = style === "push" ? connect(options, handlersFor(begin)) : connect(options);
      const socket = await this.#ledger.track("connect", connecting);
      if (style !== "push") begin(socket);
      await living;
    } catch (error) {
      const { code } = error as PortsideError;
      // A server that resets at once may be seen by the connect already.
      if (code !== "ECONNRESET" && !(code === "ECANCELED" && abort))
        this.#ledger.violation(`a connect ended with ${code}`);
      if (living) this.#ledger.violation("a connect that failed had called open");
    }
  }

  #clientEnd(style: Style, random: Random): End {
    const id = this.#ends.length;
    if (style === "push") return new PushEnd(id, style, random, this.#ledger);
    return new PullEnd(id, style, random, this.#ledger, this.#callsFor(style));
  }

  #adopt(socket: TcpSocket, end: End): Promise<void> {
    socket.data = end;
    this.#ends.push(end);
    return end.run(socket);
  }

  #callsFor(style: Style): Calls {
    return style === "operations" ? new OperationCalls(this.#port, this.#ledger) : new PromiseCalls();
  }

  #acceptOptions(random: Random): ListenOptions {
    return {
      backlog: 4096,
      acceptLowWaterMark: random.pick([1, 16]),
      acceptHighWaterMark: random.pick([16, 64]),
      acceptData: random.chance(0.3),
    };
  }

  #socketOptions(random: Random): SocketOptions {
    return {
      completionPort: this.#port,
      noDelay: random.chance(0.8),
      // Wine gives some of many posted sends back when the peer sends its FIN, and lets later ones through.
      unbufferedSends: random.chance(0.3) && !system.emulated(),
      borrow: random.chance(0.5),
      highWaterMark: random.pick([1, 1000, 65_536]),
      ...(random.chance(0.3) && { sendBufferSize: 16_384 }),
      ...(random.chance(0.3) && { receiveBufferSize: 16_384 }),
    };
  }
}
