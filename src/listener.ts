import { unwatch, watch } from "./abort.js";
import { closedError, type PortsideError, stateError } from "./errors.js";
import { Opcode } from "./names.js";
import type { NativeAddress } from "./native.js";
import { checkOptions } from "./options.js";
import { type Outcome, outcomeError, PendingAccept, signalOf } from "./pending.js";
import type { CompletionPort } from "./port.js";
import type { IpAddress, SignalOptions, SocketHandlers, TcpSocket } from "./socket.js";
import type { Style } from "./style.js";

export interface ListenHandlers extends SocketHandlers {
  /**
   * Accepting pauses, as the process or the machine is short of descriptors or memory (`EMFILE`, `ENFILE`, `ENOBUFS`,
   * `ENOMEM`); with null it goes on. Connections that wait stay in the OS's backlog; those that stand are not touched.
   */
  shortage?(listener: TcpListener, error: PortsideError | null): void;
}

/** A listening TCP socket. Made by {@link listen}. */
export class TcpListener {
  /** Where it listens. */
  readonly address: IpAddress;
  /** @internal */ readonly owner: CompletionPort;
  /** @internal */ readonly index: number;
  /** @internal */ readonly generation: number;
  /** @internal How the accepted sockets behave. */ readonly style: Style;
  #closed = false;
  #gone = false;
  #referenced = true;
  readonly #signal: AbortSignal | undefined;

  /** @internal */
  constructor(
    owner: CompletionPort,
    index: number,
    generation: number,
    address: NativeAddress,
    style: Style,
    signal: AbortSignal | undefined,
  ) {
    this.owner = owner;
    this.index = index;
    this.generation = generation;
    this.address = address;
    this.style = style;
    this.#signal = signal;
    if (signal) watch(signal, this);
    if (style.handlers) owner.rings.submit(Opcode.startAccept, index, generation, 0, 0, 0, 0);
  }

  /** The next connection. Several accepts may be outstanding; they complete in order. */
  accept(options?: SignalOptions): Promise<TcpSocket> {
    try {
      this.checkAcceptable();
      checkOptions(options, acceptOptionNames);
      const signal = signalOf(options, "accept");
      const pending = new PendingAccept();
      const token = this.owner.expect(pending);
      this.owner.rings.submit(Opcode.accept, this.index, this.generation, token, 0, 0, 0);
      return pending.submitted(this.owner, token, signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Every connection that comes, until the listener closes. */
  async *[Symbol.asyncIterator](): AsyncIterableIterator<TcpSocket> {
    while (!this.#closed) {
      let socket: TcpSocket;
      try {
        socket = await this.accept();
      } catch (error) {
        if (this.#closed) return;
        throw error;
      }
      yield socket;
    }
  }

  /** Ends pending accepts with `ECANCELED`, then the listener. Accepted sockets live on. A second call is harmless. */
  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      if (this.#signal) unwatch(this.#signal, this);
      this.owner.rings.submit(Opcode.close, this.index, this.generation, 0, 0, 0, 0);
      // At once: whoever listens there next may do so without waiting, on another completion port too.
      this.owner.rings.flush();
    }
    return this.owner.whenClosed(this);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Keeps the process alive while open, which is the default. */
  ref(): this {
    return this.#setReferenced(true);
  }

  unref(): this {
    return this.#setReferenced(false);
  }

  /** @internal The signal it listens with was aborted. */
  abort(): void {
    void this.close();
  }

  /** @internal Throws unless an accept may be submitted. */
  checkAcceptable(): void {
    if (this.#closed) throw closedError("accept");
    if (this.style.handlers)
      throw stateError("accept() is for pull style; this listener's handlers get every connection");
  }

  /** @internal Push style: a connection was accepted. */
  accepted(socket: TcpSocket): void {
    if (this.#closed) {
      // Accepted before close() was seen by the engine.
      socket.silence();
      void socket.close();
      return;
    }
    socket.opened(true);
  }

  /** @internal */
  shortage(outcome: Outcome): void {
    const handlers = this.style.handlers as ListenHandlers | undefined;
    if (this.#closed || !handlers?.shortage) return;
    handlers.shortage(this, outcome.error === 0 ? null : outcomeError("accept", outcome));
  }

  /** @internal The engine has let go of the handle. */
  gone(): void {
    this.#closed = this.#gone = true;
  }

  #setReferenced(on: boolean): this {
    if (!this.#gone && this.#referenced !== on) {
      this.#referenced = on;
      this.owner.native.setHandleReferenced(this.index, this.generation, on);
    }
    return this;
  }
}

const acceptOptionNames = new Set(["signal"]);
