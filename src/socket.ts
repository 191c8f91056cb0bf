import { type InspectOptions, inspect } from "node:util";
import { bytesIn, lengthOfView, type Parts, type SendData, sendDataOf } from "./bytes.js";
import { callIn } from "./context.js";
import type { Core } from "./core.js";
import { Ends } from "./ends.js";
import {
  closedError,
  notConstructible,
  PortsideError,
  stateError,
  systemError,
  typeError,
} from "./errors.js";
import { inspectAs } from "./inspecting.js";
import { ownList } from "./intrinsics.js";
import { Opcode, SubmissionFlag } from "./names.js";
import { type NativeError, toError } from "./native.js";
import { checkBoolean, checkInteger, checkOptions, checkReceiveSize, keepAliveSettings } from "./options.js";
import {
  nobody,
  type Outcome,
  outcomeError,
  type Pending,
  PendingDrained,
  PendingReceive,
  PendingReceiveInto,
  PendingShutdown,
  signalOf,
} from "./pending.js";
import { soon } from "./scheduling.js";
import type { Style } from "./style.js";
import { reportUncaught } from "./uncaught.js";

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
export interface SocketHandlers<Data = unknown> {
  /** The connection is open. */
  open?: ((socket: TcpSocket<Data>) => void) | undefined;
  /** Bytes came, in whatever pieces: framing is the program's business. */
  data?: ((socket: TcpSocket<Data>, chunk: Uint8Array<ArrayBuffer>) => void) | undefined;
  /** After `write()` returned false: everything was handed to the OS. */
  drain?: ((socket: TcpSocket<Data>) => void) | undefined;
  /** The peer's FIN. Without this handler the socket closes itself, once what was written is out. */
  end?: ((socket: TcpSocket<Data>) => void) | undefined;
  /** The connection is lost; `close` follows. */
  error?: ((socket: TcpSocket<Data>, error: PortsideError) => void) | undefined;
  /** Exactly once, always last. */
  close?: ((socket: TcpSocket<Data>) => void) | undefined;
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
  finished = 4, // a FIN was sent, or will be: nothing follows it
  paused = 8,
  drainOwed = 16, // write() returned false
  unreferenced = 32,
  silent = 64, // its handlers never heard of it (a connect that failed, or lost the race)
  lost = 128, // the connection is gone
  endedByPeer = 256, // it closes by itself, after the peer's FIN or reset
  leaving = 512, // end() was called
  peerEnded = 1024, // its FIN has been told
  oneShutdown = 2048, // and more: how many shutdown()s are under way
}
const deaf = State.closing | State.closed;

/** What came while a push-style socket was paused: chunks in order, from the next one on; null is the peer's FIN. */
interface Held {
  readonly chunks: (Uint8Array<ArrayBuffer> | null)[];
  next: number;
}

/** What the engine's other files can do with a socket, and no program can. */
interface Inner {
  make(core: Core, index: number, generation: number, style: Style): TcpSocket;
  core(socket: TcpSocket): Core;
  index(socket: TcpSocket): number;
  generation(socket: TcpSocket): number;
  adopt(socket: TcpSocket): void;
  close(socket: TcpSocket): void;
  /** Throws unless a receive may be submitted. */
  checkReceivable(socket: TcpSocket): void;
  /** Throws unless a send may be submitted. */
  checkSendable(socket: TcpSocket): void;
  /** A later send must not complete before these have. */
  hasSends(socket: TcpSocket): boolean;
  sendBegins(socket: TcpSocket): void;
  sendEnds(socket: TcpSocket): void;
  shutdownEnds(socket: TcpSocket, finished: boolean): void;
  account(socket: TcpSocket, bytes: number): SubmissionFlag;
  heldBack(socket: TcpSocket, bytes: number): void;
  /** Whether its handlers shall not hear of it. */
  silence(socket: TcpSocket, on: boolean): void;
  opened(socket: TcpSocket, receives: boolean): void;
  received(socket: TcpSocket, offset: number, length: number): void;
  ended(socket: TcpSocket): void;
  failed(socket: TcpSocket, syscall: "recv" | "send", outcome: Outcome): void;
  /** An operation has found the connection gone. */
  lost(socket: TcpSocket): void;
  blocked(socket: TcpSocket): void;
  drained(socket: TcpSocket): void;
  gone(socket: TcpSocket, outcome: Outcome): void;
}
export const inner = {} as Inner;
export let isSocket: (value: unknown) => value is TcpSocket;

// Only this file can make sockets.
const key = Symbol("TcpSocket");

/** A TCP connection. Made by {@link listen} and {@link connect}. */
export class TcpSocket<Data = unknown> {
  /**
   * Yours: Portside never looks at it. Its type is what you say with `listen<Data>()` or `connect<Data>()`; its value is
   * undefined until you set it, which `open` is the first place for.
   */
  data: Data = undefined as Data;
  readonly #core: Core;
  readonly #index: number;
  readonly #generation: number;
  readonly #style: Style;
  #state = 0;
  #queued = 0; // bytes of write() that the OS has not taken, as the engine told
  #fresh = 0; // bytes of write() of which the engine has told nothing yet
  #epoch = 0; // when #fresh was last counted
  #sends = 0; // operations that have still to hear what became of their sends
  #held: Held | undefined;
  #ends: Ends | undefined = undefined; // once it is closed

  private constructor(made: symbol, core: Core, index: number, generation: number, style: Style) {
    if (made !== key) throw notConstructible("TcpSocket", "listen() and connect() make sockets");
    this.#core = core;
    this.#index = index;
    this.#generation = generation;
    this.#style = style;
  }

  // --- pull style ---

  /**
   * Receives what is there: at least one byte, or null at the end of the stream. The chunk is the caller's own.
   * Several receives may be outstanding; they complete in order.
   */
  recv(options?: ReceiveOptions): Promise<Uint8Array<ArrayBuffer> | null> {
    try {
      this.#checkPull("recv");
      if (options === undefined) return this.#submit(Opcode.receive, new PendingReceive(), 65536, undefined);
      checkOptions(options, receiveOptionNames);
      const size = checkReceiveSize(options.size);
      const signal = signalOf(options, "recv");
      this.#checkOpen("recv"); // reading options may run the program's code
      return this.#submit(Opcode.receive, new PendingReceive(), size, signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Receives into `buffer`; resolves with the bytes it got, 0 at the end of the stream. */
  recvInto(buffer: ArrayBufferView, options?: SignalOptions): Promise<number> {
    try {
      this.#checkPull("recv");
      checkOptions(options, signalOptionNames);
      const signal = signalOf(options, "recv");
      const room = roomIn(buffer);
      this.#checkOpen("recv");
      return this.#submit(Opcode.receive, new PendingReceiveInto(buffer), room, signal);
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
      const parts = sendDataOf(data);
      checkOptions(options, signalOptionNames);
      const signal = signalOf(options, "send");
      this.#checkSendable();
      return this.#core.sending.sendNow(this, this.#index, this.#generation, parts, signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Sends a FIN after everything sent so far. Receiving goes on. */
  shutdown(options?: SignalOptions): Promise<void> {
    try {
      checkOptions(options, signalOptionNames);
      const signal = signalOf(options, "shutdown");
      this.#checkOpen("shutdown");
      this.#state += State.oneShutdown;
      return this.#submit(Opcode.shutdown, new PendingShutdown(this), 0, signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Resolves once everything that was sent or written so far has been handed to the OS. In pull style this is what to wait
   * for when {@link write} returned false. Rejects when the connection is lost or closed before that.
   */
  drained(options?: SignalOptions): Promise<void> {
    try {
      checkOptions(options, signalOptionNames);
      const signal = signalOf(options, "drained");
      this.#checkOpen("drained");
      // No bytes at all can be sent behind a FIN, too; a second FIN would outlive a first one that is cancelled.
      return this.#submit(Opcode.send, new PendingDrained(this), 0, signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Every chunk, to the end of the stream. Leaving the loop early leaves the socket open. */
  async *[Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array<ArrayBuffer>> {
    for (;;) {
      const chunk = await this.recv();
      if (chunk === null) return;
      yield chunk;
    }
  }

  // --- push style ---

  /**
   * Sends without anyone waiting. False under back-pressure (`highWaterMark` bytes or more wait): stop writing until
   * `drain`. False as well when the connection has ended, whoever ended it: then the bytes are dropped, and
   * `port.stats().bytesDropped` counts them. Throws for data that cannot be sent, and for nothing else. The data is the
   * caller's again when this returns.
   */
  write(data: SendData): boolean {
    return this.#writeOrDrop(sendDataOf(data));
  }

  /**
   * Sends `data`, as {@link write} does, and a FIN after everything that was written. Receiving goes on; in push style
   * the socket closes itself once the peer's FIN has come as well. Harmless on a connection that has ended.
   */
  end(data?: SendData): this {
    if (data !== undefined) this.#writeOrDrop(sendDataOf(data));
    if (this.closed) return this;
    this.#finish();
    this.#state |= State.leaving;
    this.#closeIfBothEnded();
    return this;
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
      else void soon(() => this.#releaseHeld());
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
    return this.#set(() => this.#core.native.setNoDelay(this.#index, this.#generation, on));
  }

  /**
   * Whether the OS probes an idle connection: `delay` milliseconds before the first probe and `interval` between two,
   * 1000 to 32 767 000 each; after `count` probes without an answer, 1 to 127, the connection ends with `ETIMEDOUT`. What
   * you leave out, and a delay of 0, stays as it is, at first the OS's own value. Where the OS has no such interval or
   * count: `ENOTSUP`. A call that is refused changes nothing.
   */
  setKeepAlive(on = true, delay?: number, interval?: number, count?: number): this {
    const settings = keepAliveSettings(on, delay, interval, count);
    return this.#set(() => this.#core.native.setKeepAlive(this.#index, this.#generation, ...settings));
  }

  /**
   * Milliseconds that sent bytes may stay unacknowledged before the connection ends with `ETIMEDOUT` (TCP_USER_TIMEOUT,
   * RFC 5482); 0: the OS's patience. `ENOTSUP` where the OS has none.
   */
  setUserTimeout(milliseconds: number): this {
    checkInteger("milliseconds", milliseconds, 0, 0x7fffffff);
    return this.#set(() => this.#core.native.setUserTimeout(this.#index, this.#generation, milliseconds));
  }

  /** Keeps the process alive while open, which is the default. */
  ref(): this {
    return this.#setReferenced(true);
  }

  unref(): this {
    return this.#setReferenced(false);
  }

  /** This end; also in `error` and `close`, and afterwards. Undefined when the OS could not tell it. */
  get localAddress(): IpAddress | undefined {
    return this.#address(false);
  }

  /** The peer; also in `error` and `close`, and afterwards. Undefined when the OS could not tell it. */
  get remoteAddress(): IpAddress | undefined {
    return this.#address(true);
  }

  /** Bytes of `write()` that the OS has not taken. */
  get writableLength(): number {
    // What still waits goes out where it closes by itself, and is dropped where the program closes it.
    if (this.closed && (this.#state & (State.closed | State.endedByPeer)) !== State.endedByPeer) return 0;
    const fresh = this.#epoch === this.#core.rings.epoch ? this.#fresh : 0;
    return fresh + this.#core.native.queued(this.#index, this.#generation);
  }

  /** True from the call of `close()`, or the end of the connection, on. */
  get closed(): boolean {
    return (this.#state & deaf) !== 0;
  }

  get paused(): boolean {
    return (this.#state & State.paused) !== 0;
  }

  /** Addresses, state and figures; nothing that was sent or received. */
  toJSON(): object {
    return this.#toJSON();
  }

  [inspect.custom](depth: number, options: InspectOptions): string {
    return inspectAs("TcpSocket", #core in this ? this.#toJSON() : undefined, depth, options);
  }

  // --- what the engine tells it: see `inner` ---

  // Counts bytes of a write that is about to be submitted; returns its flags.
  #account(bytes: number): SubmissionFlag {
    const epoch = this.#core.rings.epoch;
    // What the engine has taken is its to count; it is asked where its news is still on the way.
    if (this.#epoch !== epoch) {
      this.#fresh = 0;
      if (this.#queued > 0 || this.#core.blockadeNewsIsDue)
        this.#queued = this.#core.native.queued(this.#index, this.#generation);
    }
    this.#epoch = epoch;
    this.#fresh += bytes;
    if (this.#queued + this.#fresh < this.#style.highWaterMark) return SubmissionFlag.none;
    // Some of what was queued may have gone out since; before the drain that is owed it makes no difference.
    if (this.#queued > 0 && (this.#state & State.drainOwed) === 0)
      this.#queued = this.#core.native.queued(this.#index, this.#generation);
    if (this.#queued + this.#fresh < this.#style.highWaterMark) return SubmissionFlag.none;
    this.#state |= State.drainOwed;
    return SubmissionFlag.notifyDrained;
  }

  // The connection stands: push style begins.
  #opened(receives: boolean): void {
    const { handlers } = this.#style;
    if (handlers === undefined) return;
    if (!receives) this.#command(Opcode.startReceive, 0);
    this.#call(handlers.open);
  }

  // Not all handlers come this way: `data` has its own, which is the hot one.
  #call(handler: ((socket: TcpSocket) => void) | undefined): void {
    if (handler) callIn(this.#style.context, handler, this.#style.handlers, this);
  }

  #callData(chunk: Uint8Array<ArrayBuffer>): void {
    const { handlers, context } = this.#style;
    const handler = handlers?.data;
    if (handler) callIn(context, handler, handlers, this, chunk);
  }

  #received(offset: number, length: number): void {
    if ((this.#state & (State.closing | State.paused)) !== 0 || this.#held !== undefined) {
      // Received before pause() was seen by the engine: kept, and handed over by resume().
      if ((this.#state & State.closing) === 0) this.#hold(this.#core.receivedCopy(offset, length));
      return;
    }
    const core = this.#core;
    this.#callData(
      this.#style.borrow ? core.receivedView(offset, length) : core.receivedCopy(offset, length),
    );
  }

  #ended(): void {
    if ((this.#state & State.closing) !== 0) return;
    if ((this.#state & State.paused) !== 0 || this.#held !== undefined) return this.#hold(null);
    this.#end();
  }

  #failed(syscall: "recv" | "send", outcome: Outcome): void {
    this.#state |= State.lost;
    const { handlers, context } = this.#style;
    if (handlers === undefined || (this.#state & State.closing) !== 0) return; // pull style: the next operation says so
    try {
      const handler = handlers.error;
      if (handler) callIn(context, handler, handlers, this, outcomeError(syscall, outcome));
    } finally {
      this.#closeByItself(SubmissionFlag.none);
    }
  }

  // One that was cancelled has sent no FIN: unless another one does, sending goes on.
  #shutdownEnds(finished: boolean): void {
    this.#state -= State.oneShutdown;
    if (finished) this.#state |= State.finished;
  }

  // Bytes of write() wait in the engine, where none did.
  #blocked(): void {
    this.#queued = this.#core.native.queued(this.#index, this.#generation);
  }

  // A large write has left bytes waiting: its own answer depends on them.
  #heldBack(bytes: number): void {
    if (bytes === 0) return;
    this.#queued += bytes;
    if ((this.#state & State.drainOwed) !== 0) return;
    // Not only its own: news of earlier writes may still be on the way.
    this.#queued = this.#core.native.queued(this.#index, this.#generation);
    if (this.#queued >= this.#style.highWaterMark) this.#state |= State.drainOwed;
  }

  #drained(): void {
    // What was written since may wait again: then it drains again.
    this.#queued = this.#core.native.queued(this.#index, this.#generation);
    if (this.#queued > 0) return;
    if ((this.#state & State.drainOwed) === 0) return;
    this.#state &= ~State.drainOwed;
    if ((this.#state & State.closing) === 0) this.#call(this.#style.handlers?.drain);
  }

  // The engine has let go of the handle.
  #gone(outcome: Outcome): void {
    if ((this.#state & State.silent) === 0) this.#ends = new Ends(outcome, (remote) => this.#address(remote));
    this.#state |= State.closing | State.closed;
    this.#held = undefined;
    this.#queued = this.#fresh = 0;
    if ((this.#state & State.silent) === 0) this.#call(this.#style.handlers?.close);
  }

  // --- privately ---

  #writeOrDrop(parts: Parts): boolean {
    if (!this.#isWritable) {
      this.#core.dropped += bytesIn(parts);
      return false;
    }
    this.#core.sending.write(this, this.#index, this.#generation, parts);
    return (this.#state & (State.drainOwed | State.lost)) === 0;
  }

  // Behind a shutdown() as well, which may yet be cancelled.
  #finish(): void {
    if ((this.#state & (State.finished | State.lost)) !== 0) return;
    this.#state |= State.finished;
    const token = this.#core.expect(nobody);
    this.#core.rings.submit(Opcode.shutdown, this.#index, this.#generation, token, 0, 0, 0);
  }

  #submit<T>(opcode: Opcode, pending: Pending<T>, a: number, signal: AbortSignal | undefined): Promise<T> {
    const core = this.#core;
    const token = core.expect(pending);
    core.rings.submit(opcode, this.#index, this.#generation, token, a, 0, 0);
    return pending.submitted(core, token, signal);
  }

  #command(opcode: Opcode, flags: SubmissionFlag): void {
    this.#core.rings.submit(opcode, this.#index, this.#generation, 0, 0, 0, flags);
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
    return this.#core.whenClosed(this, this.#index);
  }

  // After end() and the peer's FIN nothing can follow in either direction.
  #closeIfBothEnded(): void {
    const both = State.leaving | State.peerEnded;
    if ((this.#state & (both | State.closing)) === both) this.#closeByItself(SubmissionFlag.flushFirst);
  }

  #closeByItself(flags: SubmissionFlag): void {
    if ((this.#state & State.closing) === 0) this.#state |= State.endedByPeer;
    this.#begin(Opcode.close, flags);
  }

  #end(): void {
    this.#state |= State.peerEnded;
    let handler: SocketHandlers["end"];
    try {
      handler = this.#style.handlers?.end; // a getter's, perhaps, which may throw
      this.#call(handler);
    } finally {
      if (!handler) this.#closeByItself(SubmissionFlag.flushFirst);
      else this.#closeIfBothEnded();
    }
  }

  #hold(chunk: Uint8Array<ArrayBuffer> | null): void {
    this.#held ??= { chunks: ownList(), next: 0 };
    const { chunks } = this.#held;
    chunks[chunks.length] = chunk;
  }

  // One chunk at a time: each handler may pause again, or close.
  #releaseHeld(): void {
    const held = this.#held;
    if (held === undefined || (this.#state & (State.paused | State.closing)) !== 0) return;
    const chunk = held.chunks[held.next] as Uint8Array<ArrayBuffer> | null;
    held.chunks[held.next++] = null; // handed over, it is not to be kept until the others are
    if (held.next === held.chunks.length) this.#held = undefined;
    try {
      if (chunk === null) this.#end();
      else this.#callData(chunk);
    } catch (error) {
      reportUncaught(error);
    } finally {
      if (this.#held !== undefined) void soon(() => this.#releaseHeld());
      else if ((this.#state & (State.paused | State.closing)) === 0) this.#command(Opcode.startReceive, 0);
    }
  }

  #address(remote: boolean): IpAddress | undefined {
    if (this.#ends !== undefined) return remote ? this.#ends.remote : this.#ends.local;
    return this.#core.native.address(this.#index, this.#generation, remote);
  }

  #setReferenced(on: boolean): this {
    // One that closes itself may have to wait for its peer.
    if ((this.#state & State.closed) === 0 && ((this.#state & State.unreferenced) === 0) !== on) {
      this.#state ^= State.unreferenced;
      this.#core.native.setHandleReferenced(this.#index, this.#generation, on);
    }
    return this;
  }

  // A connection that the peer has ended needs no settings any more: a program cannot know of it in time.
  #set(set: () => NativeError | undefined): this {
    if (this.closed && (this.#state & State.endedByPeer) !== 0) return this;
    this.#checkOpen("setsockopt");
    const refused = set();
    if (refused) throw toError(refused);
    return this;
  }

  get #isPush(): boolean {
    return this.#style.handlers !== undefined;
  }

  // Whether a FIN was sent, or will be.
  get #isShutDown(): boolean {
    return this.#state >= State.oneShutdown || (this.#state & State.finished) !== 0;
  }

  get #isWritable(): boolean {
    return this.#state < State.oneShutdown && (this.#state & (deaf | State.finished | State.lost)) === 0;
  }

  #checkOpen(syscall: string): void {
    if (this.closed) throw closedError(syscall, "socket");
  }

  #checkSendable(): void {
    this.#checkOpen("send");
    if (this.#isShutDown) throw systemError("EPIPE", { syscall: "send", bytesSent: 0 });
  }

  #checkPull(syscall: string): void {
    this.#checkOpen(syscall);
    if (this.#isPush)
      throw stateError(
        `${syscall}() is for pull style, and this socket has handlers: its data handler gets what comes; leave the handlers out to call ${syscall}()`,
      );
  }

  #checkPush(name: string): void {
    if (!this.#isPush)
      throw stateError(
        `${name}() is for push style, and this socket has no handlers: it receives only when recv() is called`,
      );
  }

  #toJSON(): object {
    return {
      type: "TcpSocket",
      state: stateOf(this.#state),
      localAddress: this.localAddress,
      remoteAddress: this.remoteAddress,
      writableLength: this.writableLength,
    };
  }

  static {
    inner.make = (core, index, generation, style) => new TcpSocket(key, core, index, generation, style);
    inner.core = (socket) => socket.#core;
    inner.index = (socket) => socket.#index;
    inner.generation = (socket) => socket.#generation;
    inner.adopt = (socket) => socket.#core.adopt(socket, socket.#index);
    inner.close = (socket) => socket.#begin(Opcode.close, SubmissionFlag.none);
    inner.checkReceivable = (socket) => socket.#checkPull("recv");
    inner.checkSendable = (socket) => socket.#checkSendable();
    inner.hasSends = (socket) => socket.#sends > 0;
    inner.sendBegins = (socket) => void socket.#sends++;
    inner.sendEnds = (socket) => void socket.#sends--;
    inner.shutdownEnds = (socket, finished) => socket.#shutdownEnds(finished);
    inner.account = (socket, bytes) => socket.#account(bytes);
    inner.heldBack = (socket, bytes) => socket.#heldBack(bytes);
    inner.silence = (socket, on) => {
      socket.#state = on ? socket.#state | State.silent : socket.#state & ~State.silent;
    };
    inner.opened = (socket, receives) => socket.#opened(receives);
    inner.received = (socket, offset, length) => socket.#received(offset, length);
    inner.ended = (socket) => socket.#ended();
    inner.failed = (socket, syscall, outcome) => socket.#failed(syscall, outcome);
    inner.lost = (socket) => {
      socket.#state |= State.lost;
    };
    inner.blocked = (socket) => socket.#blocked();
    inner.drained = (socket) => socket.#drained();
    inner.gone = (socket, outcome) => socket.#gone(outcome);
    isSocket = (value): value is TcpSocket => typeof value === "object" && value !== null && #core in value;
  }
}

function stateOf(state: number): string {
  if ((state & State.closed) !== 0) return "closed";
  if ((state & State.closing) !== 0) return "closing";
  if ((state & State.lost) !== 0) return "lost";
  return (state & State.paused) !== 0 ? "paused" : "open";
}

const signalOptionNames = new Set(["signal"]);
const receiveOptionNames = new Set(["signal", "size"]);

/** How much can be received into a program's buffer; refuses what nothing can. */
export function roomIn(buffer: unknown): number {
  if (!ArrayBuffer.isView(buffer)) throw typeError("buffer", "a Uint8Array or another view of bytes", buffer);
  const room = lengthOfView(buffer);
  if (room === 0)
    throw new PortsideError("ERR_INVALID_ARG_VALUE", "buffer must have room for at least one byte");
  return room;
}
