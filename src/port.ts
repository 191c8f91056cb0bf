import { Buffer } from "node:buffer";
import { types } from "node:util";
import { system } from "../platforms/rooms.js";
import { type Bytes, encoded, mostBytes, type SendData } from "./bytes.js";
import { clone, restore } from "./clone.js";
import { variable } from "./environment.js";
import { closedError, PortsideError, reportUncaught, systemError, typeError, valueError } from "./errors.js";
import type { TcpListener } from "./listener.js";
import { CompletionKind, CompletionWord, Opcode, SubmissionFlag, Words } from "./names.js";
import { addon, errorName, type NativePort, type NativeStats } from "./native.js";
import { Operation, type OperationHandler } from "./operation.js";
import { checkInteger, checkOptions, integerOf } from "./options.js";
import { type Outcome, PendingSend, type Waiting } from "./pending.js";
import { Rings, smallSend } from "./rings.js";
import { immediately } from "./scheduling.js";
import { TcpSocket } from "./socket.js";

export type BackendName = "epoll" | "kqueue" | "iocp" | "io_uring" | "simulated";

export interface CompletionPortOptions {
  /** Default: `PORTSIDE_BACKEND`, or the best this system has. */
  backend?: BackendName;
  /**
   * How the engine gets its turn: nested into Node's loop, or by a thread that waits for the kernel.
   * Default: `PORTSIDE_WAKER`, or the loop where it can be nested.
   */
  waker?: "loop" | "thread";
  /** Completions per call into JavaScript, 1 to 1024; default 64. */
  batch?: number;
  /** Batches before Node's own timers, files and promises have their turn, 1 to 64; default 3. */
  polls?: number;
}

export interface PortStats extends NativeStats {
  backend: BackendName;
  waker: "loop" | "thread";
  /** Packets that `post()` brought. */
  posted: number;
  /** Descriptors this process may have. */
  descriptorLimit: number;
  /** Bytes of memory this process holds. */
  residentMemory: number;
}

// V8 keeps typed arrays of up to so many bytes on its own heap, where they are cheapest.
const onHeap = 64;

const portOptionNames = new Set(["backend", "waker", "batch", "polls"]);

// Ports that are open: they live until they are closed, whoever forgets them.
const openPorts = new Set<CompletionPort>();
let defaultPort: CompletionPort | undefined;

/**
 * A completion port: one engine, on the thread that made it. Sockets and listeners belong to one; most programs use
 * {@link CompletionPort.default} without naming it.
 */
export class CompletionPort {
  /** This thread's own port, opened on first use. */
  static get default(): CompletionPort {
    if (!defaultPort || defaultPort.closed) defaultPort = new CompletionPort();
    return defaultPort;
  }

  /** Posts a value (a structured clone of it) to an open port of any thread. Unknown: `ENOENT`. */
  static post(id: number, value: unknown): void {
    checkInteger("id", id, 0, 0xffffffff);
    if (!addon.post(id, clone(value))) {
      throw new PortsideError("ENOENT", `post: ENOENT, no open completion port has the number ${id}`, {
        syscall: "post",
      });
    }
  }

  /** The number by which other threads post to it. */
  readonly id: number;
  readonly backend: BackendName;
  readonly waker: "loop" | "thread";
  /** @internal */ readonly rings = new Rings();
  /** @internal */ readonly native: NativePort;
  readonly #handles: (TcpSocket | TcpListener | undefined)[] = [];
  readonly #waiting: (Waiting | undefined)[] = [undefined];
  readonly #freeTokens: number[] = [];
  readonly #closers = new Map<TcpSocket | TcpListener, { promise: Promise<void>; resolve: () => void }>();
  readonly #listeners = new Set<(value: unknown) => void>();
  // One for all: it is read before the next completion overwrites it.
  readonly #outcome: Outcome = { error: 0, native: 0, result: 0, offset: 0, bytesSent: 0 };
  #placedAt = 0;
  #packets: Uint8Array[] = [];
  #packetsWait = false; // for a listener
  #blockadesSeen = 0;
  #posted = 0;
  #openHandles = 0;
  #pendingOperations = 0;
  #closing: { promise: Promise<void>; resolve: () => void } | undefined;
  #lastStats: NativeStats | undefined;

  constructor(options: CompletionPortOptions = {}) {
    checkOptions(options, portOptionNames);
    const backend = backendOf(options.backend);
    const batch = integerOf("options.batch", options.batch, 64, 1, 1024);
    const polls = integerOf("options.polls", options.polls, 3, 1, 64);
    system.raiseDescriptorLimit();
    this.native = openNative(
      { backend, loop: wakerOf(options.waker) === "loop", batch, polls },
      this.rings,
      () => this.#deliver(),
      () => immediately(() => this.native.turn()),
    );
    this.rings.port = this.native;
    const description = this.native.describe();
    this.id = description.id;
    this.backend = backend;
    this.waker = description.loop ? "loop" : "thread";
    openPorts.add(this);
  }

  /** True once close() was called. */
  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /** Posts a value (a structured clone of it) to this port: its `posted` listeners get it, in order, later. */
  post(value: unknown): void {
    if (this.closed) throw closedError("post");
    CompletionPort.post(this.id, value);
  }

  /** Packets wait until there is a listener. One does not keep the process alive. */
  on(event: "posted", listener: (value: unknown) => void): this {
    checkPosted(event, listener);
    this.#listeners.add(listener);
    if (this.#packetsWait) queueMicrotask(() => this.#takePackets());
    return this;
  }

  off(event: "posted", listener: (value: unknown) => void): this {
    checkPosted(event, listener);
    this.#listeners.delete(listener);
    return this;
  }

  /** A reusable operation object. */
  operation(onComplete: OperationHandler): Operation {
    if (typeof onComplete !== "function") throw typeError("onComplete", "a function", onComplete);
    if (this.closed) throw closedError("operation");
    return new Operation(this, onComplete);
  }

  stats(): PortStats {
    const native = this.native.stats() ?? (this.#lastStats as NativeStats);
    return {
      backend: this.backend,
      waker: this.waker,
      ...native,
      posted: this.#posted,
      descriptorLimit: system.descriptorLimit(),
      residentMemory: system.ownResidentMemory(),
    };
  }

  /** Its handles and operations keep the process alive, which is the default. */
  ref(): this {
    this.native.setReferenced(true);
    return this;
  }

  unref(): this {
    this.native.setReferenced(false);
    return this;
  }

  /** Closes every handle of the port, cancels every operation, then the port. A second call is harmless. */
  close(): Promise<void> {
    if (this.#closing) return this.#closing.promise;
    this.#closing = withResolvers();
    for (const handle of [...this.#handles]) void handle?.close();
    for (let token = 1; token < this.#waiting.length; token++) {
      if (this.#waiting[token]) this.cancel(token);
    }
    queueMicrotask(() => this.#finishClosing());
    return this.#closing.promise;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // --- for the other files of the engine's JavaScript side ---

  /** @internal A token under which `waiting` is told of its completion. */
  expect(waiting: Waiting): number {
    const token = this.#freeTokens.pop() ?? this.#waiting.length;
    this.#waiting[token] = waiting;
    this.#pendingOperations++;
    return token;
  }

  /** @internal The submission was refused: no completion follows. */
  expectNot(token: number): void {
    this.#waiting[token] = undefined;
    this.#freeTokens.push(token);
    this.#pendingOperations--;
  }

  /** @internal */
  cancel(token: number): void {
    this.rings.submit(Opcode.cancel, 0, 0, token, 0, 0, 0);
  }

  /** @internal A send that nobody waits for. */
  write(socket: TcpSocket, data: SendData): void {
    const length = this.#place(data);
    if (length < 0) {
      const { index, generation } = socket;
      socket.heldBack(this.native.send(index, generation, 0, SubmissionFlag.answered, largeParts(data)));
    } else {
      const flags = socket.account(length);
      this.rings.submit(Opcode.send, socket.index, socket.generation, 0, this.#placedAt, length, flags);
    }
  }

  /** @internal A send that an operation waits for. */
  send(socket: TcpSocket, token: number, data: SendData): void {
    const length = this.#place(data);
    if (length < 0)
      this.native.send(socket.index, socket.generation, token, SubmissionFlag.none, largeParts(data));
    else this.rings.submit(Opcode.send, socket.index, socket.generation, token, this.#placedAt, length, 0);
  }

  /**
   * @internal A send that a promise waits for: handed over at once, as most are done at once, and then cost neither a
   * completion nor a turn.
   */
  sendNow(socket: TcpSocket, data: SendData, signal: AbortSignal | undefined): Promise<number> {
    const token = this.#freeTokens.pop() ?? this.#waiting.length;
    const { rings } = this;
    const flags = socket.hasSends ? SubmissionFlag.none : SubmissionFlag.answered;
    let length = this.#place(data);
    let left: number;
    if (length < 0) {
      const parts = largeParts(data);
      length = mostBytes(parts);
      left = this.native.send(socket.index, socket.generation, token, flags, parts);
    } else {
      rings.submit(Opcode.send, socket.index, socket.generation, token, this.#placedAt, length, flags);
      rings.flush();
      left = rings.left;
    }
    if (left === 0 && flags !== SubmissionFlag.none) {
      if (token === this.#waiting.length) this.#waiting.push(undefined);
      this.#freeTokens.push(token);
      return Promise.resolve(length);
    }
    socket.sendBegins();
    const pending = new PendingSend(socket);
    this.#waiting[token] = pending;
    this.#pendingOperations++;
    return pending.submitted(this, token, signal);
  }

  /** @internal Whether sockets have still to hear that bytes of theirs wait in the engine. */
  get blockadeNewsIsDue(): boolean {
    return this.rings.blockades !== this.#blockadesSeen;
  }

  /** @internal Received bytes as a view, good only while their completion is delivered. */
  receivedView(offset: number, length: number): Uint8Array {
    const { received } = this.rings;
    return new Uint8Array(received.buffer, offset, length);
  }

  /** @internal Received bytes as a copy, the receiver's own. */
  receivedCopy(offset: number, length: number): Uint8Array {
    if (length <= onHeap) return this.rings.received.slice(offset, offset + length);
    // Memory that is filled at once need not be zeroed first.
    const copy = new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
    copy.set(this.receivedView(offset, length));
    return copy;
  }

  /** @internal */
  adopt(handle: TcpSocket | TcpListener): void {
    this.#handles[handle.index] = handle;
    this.#openHandles++;
  }

  /** @internal The socket of a pull-style accept. */
  acceptedSocket(outcome: Outcome): TcpSocket {
    return this.#handles[outcome.result] as TcpSocket;
  }

  /** @internal Resolves when the engine has let go of the handle. */
  whenClosed(handle: TcpSocket | TcpListener): Promise<void> {
    if (this.#handles[handle.index] !== handle) return Promise.resolve();
    let closer = this.#closers.get(handle);
    if (!closer) {
      closer = withResolvers();
      this.#closers.set(handle, closer);
    }
    return closer.promise;
  }

  // --- completions ---

  #deliver(): void {
    const words = this.rings.completions;
    const end = this.rings.completionCount * Words.each;
    for (let at = 0; at < end; at += Words.each) {
      try {
        this.#dispatch(words, at);
      } catch (error) {
        reportUncaught(error);
      }
    }
    if (this.#closing) this.#finishClosing();
  }

  #dispatch(words: Int32Array, at: number): void {
    const index = words[at + CompletionWord.index] as number;
    const result = words[at + CompletionWord.result] as number;
    switch (words[at + CompletionWord.kind] as CompletionKind) {
      case CompletionKind.data:
        return this.#socket(index).received(words[at + CompletionWord.offset] as number, result);
      case CompletionKind.operation:
        return this.#settle(words[at + CompletionWord.token] as number, this.#read(words, at));
      case CompletionKind.accepted:
        return this.#accepted(index, words[at + CompletionWord.token] as number, this.#read(words, at));
      case CompletionKind.end:
        return this.#socket(index).ended();
      case CompletionKind.failed:
        return this.#socket(index).failed(
          words[at + CompletionWord.token] === 0 ? "recv" : "send",
          this.#read(words, at),
        );
      case CompletionKind.blocked:
        this.#blockadesSeen++;
        return this.#socket(index).blocked(result);
      case CompletionKind.drained:
        return this.#socket(index).drained();
      case CompletionKind.shortage:
        return (this.#handles[index] as TcpListener).shortage(this.#read(words, at));
      case CompletionKind.closed:
        return this.#handleGone(index);
      case CompletionKind.posted:
        return this.#takePackets();
    }
  }

  #read(words: Int32Array, at: number): Outcome {
    const outcome = this.#outcome;
    outcome.result = words[at + CompletionWord.result] as number;
    outcome.error = words[at + CompletionWord.error] as number;
    outcome.native = words[at + CompletionWord.native] as number;
    outcome.offset = (words[at + CompletionWord.offset] as number) >>> 0;
    outcome.bytesSent = (words[at + CompletionWord.bytesSent] as number) >>> 0;
    return outcome;
  }

  #socket(index: number): TcpSocket {
    return this.#handles[index] as TcpSocket;
  }

  #settle(token: number, outcome: Outcome): void {
    const waiting = this.#waiting[token] as Waiting;
    this.expectNot(token);
    waiting.settle(this, outcome);
  }

  #accepted(index: number, token: number, outcome: Outcome): void {
    const listener = this.#handles[index] as TcpListener;
    const socket = new TcpSocket(this, outcome.result, outcome.offset, listener.style);
    this.adopt(socket);
    if (this.closed) void socket.close();
    if (token === 0) listener.accepted(socket);
    else this.#settle(token, outcome);
  }

  #handleGone(index: number): void {
    const handle = this.#handles[index] as TcpSocket | TcpListener;
    this.#handles[index] = undefined;
    this.#openHandles--;
    const closer = this.#closers.get(handle);
    if (closer) this.#closers.delete(handle);
    try {
      handle.gone();
    } finally {
      closer?.resolve();
    }
  }

  // A listener may take itself off, or close the port, at any packet: the others wait for the next one.
  #takePackets(): void {
    this.#packetsWait = this.#listeners.size === 0;
    if (this.#packetsWait || this.closed) return;
    const packets = this.#packets.concat(this.native.takePackets());
    let next = 0;
    while (next < packets.length && this.#listeners.size > 0 && !this.closed) {
      this.#posted++;
      try {
        this.#handOut(restore(packets[next++] as Uint8Array));
      } catch (error) {
        reportUncaught(error); // a value that is nested too deeply to be restored
      }
    }
    this.#packets = packets.slice(next);
    this.#packetsWait = this.#packets.length > 0;
  }

  #handOut(value: unknown): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(value);
      } catch (error) {
        reportUncaught(error);
      }
    }
  }

  // --- privately ---

  // Puts the bytes of a send where a submission can name them; returns how many, or -1 when they are too many for that.
  #place(data: SendData): number {
    const { rings } = this;
    if (types.isUint8Array(data)) {
      const length = data.byteLength;
      if (length > smallSend) {
        // A borrowed view goes out from where it was received.
        this.#placedAt = rings.receivedOffset(data);
        return this.#placedAt < 0 ? -1 : length;
      }
      this.#placedAt = rings.reserve(length);
      return rings.place(data, this.#placedAt);
    }
    if (mostBytes(data) > smallSend) return -1;
    const start = rings.reserve(smallSend);
    this.#placedAt = start;
    if (typeof data === "string") return rings.place(data, start);
    let end = start;
    for (const part of data as readonly Bytes[]) end += rings.place(part, end);
    return end - start;
  }

  #finishClosing(): void {
    if (!openPorts.has(this) || this.#openHandles > 0 || this.#pendingOperations > 0) return;
    openPorts.delete(this);
    this.#lastStats = this.native.stats();
    this.native.close();
    // After the promises of all that has ended, however many hops they take.
    immediately(() => this.#closing?.resolve());
  }
}

function largeParts(data: SendData): Uint8Array | readonly Uint8Array[] {
  return Array.isArray(data) ? (data as readonly Bytes[]).map(encoded) : encoded(data as Bytes);
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve!: () => void;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

function checkPosted(event: unknown, listener: unknown): void {
  if (event !== "posted") throw valueError("event", 'must be "posted"', event);
  if (typeof listener !== "function") throw typeError("listener", "a function", listener);
}

function backendOf(option: unknown): BackendName {
  const name = option ?? variable("PORTSIDE_BACKEND") ?? addon.backends[0];
  if (typeof name !== "string") throw typeError("options.backend", "a backend's name", name);
  if (!addon.backends.includes(name)) {
    throw valueError("backend", `must be one that this system has (${addon.backends.join(", ")})`, name);
  }
  return name as BackendName;
}

function wakerOf(option: unknown): "loop" | "thread" {
  const name = option ?? variable("PORTSIDE_WAKER") ?? (system.loopIsNestable() ? "loop" : "thread");
  if (name !== "loop" && name !== "thread") throw valueError("waker", 'must be "loop" or "thread"', name);
  return name;
}

function openNative(
  options: { backend: string; loop: boolean; batch: number; polls: number },
  rings: Rings,
  deliver: () => void,
  yieldTurn: () => void,
): NativePort {
  try {
    return new addon.Port(options, rings.memory, rings.received.buffer as ArrayBuffer, deliver, yieldTurn);
  } catch (error) {
    const refused = (error as { portside?: { code: number; native: number } }).portside;
    if (!refused) throw error;
    throw systemError(errorName(refused.code), { syscall: "open", native: refused.native });
  }
}
