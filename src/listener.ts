import { type InspectOptions, inspect } from "node:util";
import { type Abortable, unwatch, watch } from "./abort.js";
import { callIn } from "./context.js";
import type { Core } from "./core.js";
import { closedError, notConstructible, type PortsideError, stateError } from "./errors.js";
import { inspectAs } from "./inspecting.js";
import { Opcode } from "./names.js";
import type { NativeAddress } from "./native.js";
import { checkOptions } from "./options.js";
import { type Outcome, outcomeError, PendingAccept, signalOf } from "./pending.js";
import { type IpAddress, inner, type SignalOptions, type SocketHandlers, type TcpSocket } from "./socket.js";
import type { Style } from "./style.js";

export interface ListenHandlers<Data = unknown> extends SocketHandlers<Data> {
  /**
   * Accepting pauses, as the process or the machine is short of descriptors or memory (`EMFILE`, `ENFILE`, `ENOBUFS`,
   * `ENOMEM`); with null it goes on. Connections that wait stay in the OS's backlog; those that stand are not touched.
   */
  shortage?: ((listener: TcpListener<Data>, error: PortsideError | null) => void) | undefined;
}

/** What the engine's other files can do with a listener, and no program can. */
interface ListenerInner {
  make(
    core: Core,
    id: { index: number; generation: number },
    address: NativeAddress,
    style: Style,
    signal: AbortSignal | undefined,
  ): TcpListener;
  core(listener: TcpListener): Core;
  id(listener: TcpListener): { index: number; generation: number };
  /** How the accepted sockets behave. */
  style(listener: TcpListener): Style;
  close(listener: TcpListener): void;
  /** Throws unless an accept may be submitted. */
  checkAcceptable(listener: TcpListener): void;
  /** Push style: a connection was accepted. */
  accepted(listener: TcpListener, socket: TcpSocket): void;
  shortage(listener: TcpListener, outcome: Outcome): void;
  gone(listener: TcpListener): void;
}
export const listenerInner = {} as ListenerInner;
export let isListener: (value: unknown) => value is TcpListener;

// Only this file can make listeners.
const key = Symbol("TcpListener");

/** A listening TCP socket. Made by {@link listen}. */
export class TcpListener<Data = unknown> {
  /** Where it listens. */
  readonly address: IpAddress;
  readonly #core: Core;
  readonly #index: number;
  readonly #generation: number;
  readonly #style: Style;
  #closed = false;
  #gone = false;
  #referenced = true;
  readonly #signal: AbortSignal | undefined;
  readonly #abortable: Abortable = { abort: () => this.#close() };

  private constructor(
    made: symbol,
    core: Core,
    id: { index: number; generation: number },
    address: NativeAddress,
    style: Style,
    signal: AbortSignal | undefined,
  ) {
    if (made !== key) throw notConstructible("TcpListener", "listen() makes listeners");
    this.#core = core;
    this.#index = id.index;
    this.#generation = id.generation;
    this.address = address;
    this.#style = style;
    this.#signal = signal;
    core.adopt(this, id.index);
    if (style.handlers) this.#submit(Opcode.startAccept, 0);
    if (signal) watch(signal, this.#abortable);
  }

  /** The next connection. Several accepts may be outstanding; they complete in order. */
  accept(options?: SignalOptions): Promise<TcpSocket<Data>> {
    try {
      this.#checkAcceptable();
      checkOptions(options, acceptOptionNames);
      const signal = signalOf(options, "accept");
      this.#checkAcceptable(); // reading options may run the program's code
      const pending = new PendingAccept();
      const token = this.#core.expect(pending);
      this.#submit(Opcode.accept, token);
      return pending.submitted(this.#core, token, signal) as Promise<TcpSocket<Data>>;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Every connection that comes, until the listener closes. Leaving the loop early leaves the listener open. */
  async *[Symbol.asyncIterator](): AsyncIterableIterator<TcpSocket<Data>> {
    while (!this.#closed) {
      let socket: TcpSocket<Data>;
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
    this.#close();
    return this.#core.whenClosed(this, this.#index);
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

  /** Its address and state. */
  toJSON(): object {
    return { type: "TcpListener", state: this.#closed ? "closed" : "listening", address: this.address };
  }

  [inspect.custom](depth: number, options: InspectOptions): string {
    return inspectAs("TcpListener", #core in this ? this.toJSON() : undefined, depth, options);
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#submit(Opcode.close, 0);
    // At once: whoever listens there next may do so without waiting, on another completion port too.
    this.#core.rings.flush();
    if (this.#signal) unwatch(this.#signal, this.#abortable);
  }

  #submit(opcode: Opcode, token: number): void {
    this.#core.rings.submit(opcode, this.#index, this.#generation, token, 0, 0, 0);
  }

  #checkAcceptable(): void {
    if (this.#closed) throw closedError("accept", "listener");
    if (this.#style.handlers)
      throw stateError(
        "accept() is for pull style, and this listener has handlers: they get every connection; leave the handlers out to call accept()",
      );
  }

  #accepted(socket: TcpSocket): void {
    if (this.#closed) {
      // Accepted before close() was seen by the engine.
      inner.silence(socket, true);
      inner.close(socket);
      return;
    }
    inner.opened(socket, true);
  }

  #shortage(outcome: Outcome): void {
    const handlers = this.#style.handlers as ListenHandlers | undefined;
    const handler = handlers?.shortage;
    if (this.#closed || !handler) return;
    const error = outcome.error === 0 ? null : outcomeError("accept", outcome);
    callIn(this.#style.context, handler, handlers, this, error);
  }

  #setReferenced(on: boolean): this {
    if (!this.#gone && this.#referenced !== on) {
      this.#referenced = on;
      this.#core.native.setHandleReferenced(this.#index, this.#generation, on);
    }
    return this;
  }

  static {
    listenerInner.make = (core, id, address, style, signal) =>
      new TcpListener(key, core, id, address, style, signal);
    listenerInner.core = (listener) => listener.#core;
    listenerInner.id = (listener) => ({ index: listener.#index, generation: listener.#generation });
    listenerInner.style = (listener) => listener.#style;
    listenerInner.close = (listener) => listener.#close();
    listenerInner.checkAcceptable = (listener) => listener.#checkAcceptable();
    listenerInner.accepted = (listener, socket) => listener.#accepted(socket);
    listenerInner.shortage = (listener, outcome) => listener.#shortage(outcome);
    listenerInner.gone = (listener) => {
      listener.#closed = listener.#gone = true;
    };
    isListener = (value): value is TcpListener =>
      typeof value === "object" && value !== null && #core in value;
  }
}

const acceptOptionNames = new Set(["signal"]);
