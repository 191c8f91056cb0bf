import type { SendData } from "./bytes.js";
import { lengthOfView, sendDataOf } from "./bytes.js";
import { closedError, type PortsideError, stateError, systemError, typeError, valueError } from "./errors.js";
import { Opcode, SubmissionFlag } from "./names.js";
import type { NativeAddress } from "./native.js";
import { toError } from "./native.js";
import { checkBoolean, checkInteger, checkOptions, checkReceiveSize, keepAliveSettings } from "./options.js";
import {
  type Outcome,
  outcomeError,
  type Pending,
  PendingReceive,
  PendingReceiveInto,
  PendingShutdown,
  signalOf,
} from "./pending.js";
import type { CompletionPort } from "./port.js";
import type { Style } from "./style.js";

/** Where one end of a connection, or a listener, is. */
export interface IpAddress {
  address: string;
  family: "IPv4" | "IPv6";
  port: number;
}

/**
 * Push style: one set of handlers for all connections of a listener, or for one that was connected. None is ever
 * called from within a call of the program's own. An exception in one is reported as uncaught; nothing else stops.
 */
export interface SocketHandlers {
  /** The connection stands. */
  open?(socket: TcpSocket): void;
  /** Bytes came, as the OS had them: framing is the program's business. */
  data?(socket: TcpSocket, chunk: Uint8Array): void;
  /** After `write()` returned false: everything was handed to the OS. */
  drain?(socket: TcpSocket): void;
  /** The peer's FIN. Without this handler the socket closes itself, once what was written is out. */
  end?(socket: TcpSocket): void;
  /** The connection is lost; `close` follows. */
  error?(socket: TcpSocket, error: PortsideError): void;
  /** Exactly once, always last. */
  close?(socket: TcpSocket): void;
}

export interface SignalOptions {
  /** Cancels the operation: it rejects with an `AbortError` (code `ECANCELED`), unless it had already finished. */
  signal?: AbortSignal | undefined;
}

export interface ReceiveOptions extends SignalOptions {
  /** The most bytes wanted; default, and most: 65536. */
  size?: number | undefined;
}

const enum State {
  closing = 1, // close() was called: nothing is submitted any more
  closed = 2, // the engine has let go of it
  shutDown = 4,
  paused = 8,
  drainOwed = 16, // write() returned false
  unreferenced = 32,
  silent = 64, // its handlers never heard of it (a connect that failed, or lost the race)
}

/** What came while a push-style socket was paused: chunks in order; null is the peer's FIN. */
type Held = (Uint8Array | null)[];

/** A TCP connection. Made by {@link listen} and {@link connect}. */
export class TcpSocket {
  /** The application's context: Portside never looks at it. */
  data: unknown = undefined;
  /** @internal */ readonly owner: CompletionPort;
  /** @internal */ readonly index: number;
  /** @internal */ readonly generation: number;
  readonly #style: Style;
  #state = 0;
  #queued = 0; // bytes of write() that the OS has not taken, as the engine told
  #fresh = 0; // bytes of write() of which the engine has told nothing yet
  #epoch = 0; // when #fresh was last counted
  #sends = 0; // operations that have still to hear what became of their sends
  #held: Held | undefined;

  /** @internal */
  constructor(owner: CompletionPort, index: number, generation: number, style: Style) {
    this.owner = owner;
    this.index = index;
    this.generation = generation;
    this.#style = style;
  }

  // --- pull style ---

  /**
   * Receives what is there: at least one byte, or null at the end of the stream. The chunk is the caller's own.
   * Several receives may be outstanding; they complete in order.
   */
  recv(options?: ReceiveOptions): Promise<Uint8Array | null> {
    try {
      this.#checkPull("recv");
      if (options === undefined) return this.#receive(new PendingReceive(), 65536, undefined);
      checkOptions(options, receiveOptionNames);
      const size = checkReceiveSize(options.size);
      return this.#receive(new PendingReceive(), size, signalOf(options, "recv"));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Receives into `buffer`; resolves with the bytes it got, 0 at the end of the stream. */
  recvInto(buffer: ArrayBufferView, options?: SignalOptions): Promise<number> {
    try {
      this.#checkPull("recv");
      checkReceiveBuffer(buffer);
      checkOptions(options, signalOptionNames);
      const pending = new PendingReceiveInto(buffer);
      return this.#receive(pending, buffer.byteLength, signalOf(options, "recv"));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Sends; resolves with the number of bytes once the OS has taken them all. An error carries in `bytesSent` how many
   * it took. The data is the caller's again when this returns: what the OS does not take at once is copied.
   */
  send(data: SendData, options?: SignalOptions): Promise<number> {
    try {
      this.#checkSendable();
      const checked = sendDataOf(data);
      checkOptions(options, signalOptionNames);
      const signal = signalOf(options, "send");
      return this.owner.sendNow(this, checked, signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Sends a FIN after everything sent so far. Receiving goes on. */
  shutdown(options?: SignalOptions): Promise<void> {
    try {
      this.#checkOpen("shutdown");
      checkOptions(options, signalOptionNames);
      const signal = signalOf(options, "shutdown");
      this.#state |= State.shutDown;
      return this.#submit(Opcode.shutdown, new PendingShutdown(this), 0, signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array> {
    for (;;) {
      const chunk = await this.recv();
      if (chunk === null) return;
      yield chunk;
    }
  }

  // --- push style ---

  /**
   * Sends without anyone waiting. False under back-pressure (`highWaterMark` bytes or more wait): stop writing until
   * `drain`. Throws when it is refused. The data is the caller's again when this returns.
   */
  write(data: SendData): boolean {
    this.#checkSendable();
    this.owner.write(this, sendDataOf(data));
    return (this.#state & State.drainOwed) === 0;
  }

  /** No `data` comes after this returns, until {@link resume}. */
  pause(): this {
    this.#checkPush("pause");
    if ((this.#state & (State.paused | State.closing)) === 0) {
      this.#state |= State.paused;
      this.#command(Opcode.stopReceive, 0);
    }
    return this;
  }

  resume(): this {
    this.#checkPush("resume");
    if ((this.#state & (State.paused | State.closing)) === State.paused) {
      this.#state &= ~State.paused;
      if (this.#held === undefined) this.#command(Opcode.startReceive, 0);
      else queueMicrotask(() => this.#releaseHeld());
    }
    return this;
  }

  // --- both ---

  /**
   * Ends every pending operation with `ECANCELED`, then the connection, with a FIN; bytes of `write()` that the OS has
   * not taken are dropped (to have them out first, wait for {@link shutdown}). A second call is harmless.
   */
  close(): Promise<void> {
    return this.#closeBy(Opcode.close);
  }

  /** As {@link close}, with an RST: the peer learns that the connection did not end well. */
  reset(): Promise<void> {
    return this.#closeBy(Opcode.reset);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Whether small sends go out at once (TCP_NODELAY, RFC 896's opposite). */
  setNoDelay(on = true): this {
    checkBoolean("on", on);
    this.#checkOpen("setsockopt");
    const refused = this.owner.native.setNoDelay(this.index, this.generation, on);
    if (refused) throw toError(refused);
    return this;
  }

  /**
   * Whether the OS probes an idle connection: `delay` milliseconds before the first probe and `interval` between two,
   * 1000 to 32 767 000 each, and after `count` without an answer, 1 to 127, the connection ends with `ETIMEDOUT`. What is
   * left out stays as it is, which is the OS's own; so does a delay of 0. Where it has no such interval or count:
   * `ENOTSUP`. What is refused changes nothing.
   */
  setKeepAlive(on = true, delay?: number, interval?: number, count?: number): this {
    const settings = keepAliveSettings(on, delay, interval, count);
    this.#checkOpen("setsockopt");
    const refused = this.owner.native.setKeepAlive(this.index, this.generation, ...settings);
    if (refused) throw toError(refused);
    return this;
  }

  /**
   * Milliseconds that sent bytes may stay unacknowledged before the connection ends with `ETIMEDOUT` (TCP_USER_TIMEOUT,
   * RFC 5482); 0: the OS's patience. `ENOTSUP` where the OS has none.
   */
  setUserTimeout(milliseconds: number): this {
    checkInteger("milliseconds", milliseconds, 0, 0x7fffffff);
    this.#checkOpen("setsockopt");
    const refused = this.owner.native.setUserTimeout(this.index, this.generation, milliseconds);
    if (refused) throw toError(refused);
    return this;
  }

  /** Keeps the process alive while open, which is the default. */
  ref(): this {
    return this.#setReferenced(true);
  }

  unref(): this {
    return this.#setReferenced(false);
  }

  /** Undefined once closed. */
  get localAddress(): IpAddress | undefined {
    return this.#address(false);
  }

  /** Undefined once closed, or when the peer is gone. */
  get remoteAddress(): IpAddress | undefined {
    return this.#address(true);
  }

  /** Bytes of `write()` that the OS has not taken. */
  get writableLength(): number {
    if (this.closed) return 0;
    const fresh = this.#epoch === this.owner.rings.epoch ? this.#fresh : 0;
    return fresh + this.owner.native.queued(this.index, this.generation);
  }

  /** True from the call of `close()`, or the end of the connection, on. */
  get closed(): boolean {
    return (this.#state & (State.closing | State.closed)) !== 0;
  }

  get paused(): boolean {
    return (this.#state & State.paused) !== 0;
  }

  // --- for the other files of the engine's JavaScript side ---

  /** @internal Whether handlers receive by themselves. */
  get isPush(): boolean {
    return this.#style.handlers !== undefined;
  }

  /** @internal Throws unless a receive may be submitted. */
  checkReceivable(): void {
    this.#checkPull("recv");
  }

  /** @internal Throws unless a send may be submitted. */
  checkSendable(): void {
    this.#checkSendable();
  }

  /** @internal A later send must not complete before these have. */
  get hasSends(): boolean {
    return this.#sends > 0;
  }

  /** @internal A send whose completion follows. */
  sendBegins(): void {
    this.#sends++;
  }

  /** @internal */
  sendEnds(): void {
    this.#sends--;
  }

  /** @internal Counts bytes of a write that is about to be submitted; returns its flags. */
  account(bytes: number): SubmissionFlag {
    const epoch = this.owner.rings.epoch;
    // What the engine has taken is its to count; it is asked where its news is still on the way.
    if (this.#epoch !== epoch) {
      this.#fresh = 0;
      if (this.owner.blockadeNewsIsDue) this.#queued = this.owner.native.queued(this.index, this.generation);
    }
    this.#epoch = epoch;
    this.#fresh += bytes;
    if (this.#queued + this.#fresh < this.#style.highWaterMark) return SubmissionFlag.none;
    // Some of what was queued may have gone out since; before the drain that is owed it makes no difference.
    if (this.#queued > 0 && (this.#state & State.drainOwed) === 0)
      this.#queued = this.owner.native.queued(this.index, this.generation);
    if (this.#queued + this.#fresh < this.#style.highWaterMark) return SubmissionFlag.none;
    this.#state |= State.drainOwed;
    return SubmissionFlag.notifyDrained;
  }

  /** @internal The connection stands: push style begins. */
  opened(receives: boolean): void {
    const { handlers } = this.#style;
    if (handlers === undefined) return;
    if (!receives) this.#command(Opcode.startReceive, 0);
    handlers.open?.(this);
  }

  /** @internal The handlers shall not hear of it, until {@link speak}. */
  silence(): void {
    this.#state |= State.silent;
  }

  /** @internal */
  speak(): void {
    this.#state &= ~State.silent;
  }

  /** @internal */
  received(offset: number, length: number): void {
    if ((this.#state & (State.closing | State.paused)) !== 0 || this.#held !== undefined) {
      // Received before pause() was seen by the engine: kept, and handed over by resume().
      if ((this.#state & State.closing) === 0) this.#hold(this.owner.receivedCopy(offset, length));
      return;
    }
    const { handlers, borrow } = this.#style;
    if (handlers?.data === undefined) return;
    handlers.data(
      this,
      borrow ? this.owner.receivedView(offset, length) : this.owner.receivedCopy(offset, length),
    );
  }

  /** @internal */
  ended(): void {
    if ((this.#state & State.closing) !== 0) return;
    if ((this.#state & State.paused) !== 0 || this.#held !== undefined) return this.#hold(null);
    this.#end();
  }

  /** @internal */
  failed(syscall: "recv" | "send", outcome: Outcome): void {
    const { handlers } = this.#style;
    if (handlers === undefined || (this.#state & State.closing) !== 0) return; // pull style: the next operation says so
    try {
      handlers.error?.(this, outcomeError(syscall, outcome));
    } finally {
      this.#begin(Opcode.close, SubmissionFlag.none);
    }
  }

  /** @internal The shutdown was cancelled before its FIN went out: sending goes on. */
  shutdownCanceled(): void {
    this.#state &= ~State.shutDown;
  }

  /** @internal Bytes of write() wait in the engine. */
  blocked(bytes: number): void {
    this.#queued += bytes;
  }

  /** @internal A large write has left bytes waiting: its own answer depends on them. */
  heldBack(bytes: number): void {
    if (bytes === 0) return;
    this.#queued += bytes;
    if ((this.#state & State.drainOwed) !== 0) return;
    // Not only its own: news of earlier writes may still be on the way.
    this.#queued = this.owner.native.queued(this.index, this.generation);
    if (this.#queued >= this.#style.highWaterMark) this.#state |= State.drainOwed;
  }

  /** @internal */
  drained(): void {
    // What was written since may wait again: then it drains again.
    this.#queued = this.owner.native.queued(this.index, this.generation);
    if (this.#queued > 0) return;
    if ((this.#state & State.drainOwed) === 0) return;
    this.#state &= ~State.drainOwed;
    if ((this.#state & State.closing) === 0) this.#style.handlers?.drain?.(this);
  }

  /** @internal The engine has let go of the handle. */
  gone(): void {
    this.#state |= State.closing | State.closed;
    this.#held = undefined;
    this.#queued = this.#fresh = 0;
    if ((this.#state & State.silent) === 0) this.#style.handlers?.close?.(this);
  }

  // --- privately ---

  #receive<T>(pending: Pending<T>, size: number, signal: AbortSignal | undefined): Promise<T> {
    return this.#submit(Opcode.receive, pending, size, signal);
  }

  #submit<T>(opcode: Opcode, pending: Pending<T>, a: number, signal: AbortSignal | undefined): Promise<T> {
    const token = this.owner.expect(pending);
    this.owner.rings.submit(opcode, this.index, this.generation, token, a, 0, 0);
    return pending.submitted(this.owner, token, signal);
  }

  #command(opcode: Opcode, flags: SubmissionFlag): void {
    this.owner.rings.submit(opcode, this.index, this.generation, 0, 0, 0, flags);
  }

  #begin(opcode: Opcode.close | Opcode.reset, flags: SubmissionFlag): void {
    if ((this.#state & State.closed) !== 0) return;
    this.#state |= State.closing;
    this.#held = undefined;
    this.#command(opcode, flags);
  }

  // A later close() or reset() cuts an earlier, patient one short; the engine ignores it when there is none.
  #closeBy(opcode: Opcode.close | Opcode.reset): Promise<void> {
    this.#begin(opcode, SubmissionFlag.none);
    return this.owner.whenClosed(this);
  }

  #end(): void {
    const { handlers } = this.#style;
    if (handlers?.end) handlers.end(this);
    else this.#begin(Opcode.close, SubmissionFlag.flushFirst);
  }

  #hold(chunk: Uint8Array | null): void {
    this.#held ??= [];
    this.#held.push(chunk);
  }

  // One chunk at a time: each handler may pause again, or close.
  #releaseHeld(): void {
    const held = this.#held;
    if (held === undefined || (this.#state & (State.paused | State.closing)) !== 0) return;
    const chunk = held.shift();
    if (held.length === 0) this.#held = undefined;
    try {
      if (chunk === null) this.#end();
      else if (chunk !== undefined) this.#style.handlers?.data?.(this, chunk);
    } finally {
      if (this.#held !== undefined) queueMicrotask(() => this.#releaseHeld());
      else if ((this.#state & (State.paused | State.closing)) === 0) this.#command(Opcode.startReceive, 0);
    }
  }

  #address(remote: boolean): NativeAddress | undefined {
    if (this.closed) return undefined;
    return this.owner.native.address(this.index, this.generation, remote);
  }

  #setReferenced(on: boolean): this {
    if (!this.closed && ((this.#state & State.unreferenced) === 0) !== on) {
      this.#state ^= State.unreferenced;
      this.owner.native.setHandleReferenced(this.index, this.generation, on);
    }
    return this;
  }

  #checkOpen(syscall: string): void {
    if (this.closed) throw closedError(syscall);
  }

  #checkSendable(): void {
    if ((this.#state & (State.closing | State.closed | State.shutDown)) === 0) return;
    this.#checkOpen("send");
    throw systemError("EPIPE", { syscall: "send", bytesSent: 0 });
  }

  #checkPull(syscall: string): void {
    this.#checkOpen(syscall);
    if (this.isPush)
      throw stateError(`${syscall}() is for pull style; this socket's handlers receive by themselves`);
  }

  #checkPush(name: string): void {
    if (!this.isPush) throw stateError(`${name}() is for push style; in pull style do not call recv()`);
  }
}

const signalOptionNames = new Set(["signal"]);
const receiveOptionNames = new Set(["signal", "size"]);

/** Refuses what nothing can be received into. @internal */
export function checkReceiveBuffer(buffer: unknown): asserts buffer is ArrayBufferView {
  if (!ArrayBuffer.isView(buffer)) throw typeError("buffer", "a Uint8Array or another view of bytes", buffer);
  if (lengthOfView(buffer) === 0) throw valueError("buffer", "must have room for at least one byte", buffer);
}
