import { clone, restore } from "./clone.js";
import { type Context, callIn, currentContext } from "./context.js";
import { PortsideError, sentenceOf, systemError } from "./errors.js";
import { addTo, deleteFrom, eachOf, ownList } from "./intrinsics.js";
import { receiveMemory } from "./lasting_memory.js";
import { listenerInner, type TcpListener } from "./listener.js";
import { CompletionKind, CompletionWord, Opcode, Words } from "./names.js";
import { addon, errorName, type NativePort, type NativeStats } from "./native.js";
import { Packets } from "./packets.js";
import type { Outcome, Waiting } from "./pending.js";
import { Rings } from "./rings.js";
import { immediately, soon } from "./scheduling.js";
import { Sending } from "./sending.js";
import { inTurn } from "./settling.js";
import { inner, isSocket, type TcpSocket } from "./socket.js";
import { reportUncaught } from "./uncaught.js";

type Handle = TcpSocket | TcpListener;

interface Deferred {
  promise: Promise<void>;
  resolve: () => void;
}

export interface CoreOptions {
  backend: string;
  loop: boolean;
  batch: number;
  polls: number;
}

/**
 * What a completion port is behind its public face: the rings, the engine, and who waits for which completion. No
 * program ever holds it.
 */
export class Core {
  readonly rings: Rings;
  readonly native: NativePort;
  readonly sending: Sending;
  readonly id: number;
  readonly loop: boolean;
  /** Packets that were handed to listeners. */
  posted = 0;
  /** Bytes that were written to connections which had ended. */
  dropped = 0;
  // Who waits is told by this very object: no program may see these lists, whatever it has made of arrays.
  readonly #handles = ownList<Handle | undefined>();
  readonly #waiting = ownList<Waiting | undefined>(undefined);
  readonly #freeTokens = ownList<number>();
  #freeCount = 0;
  readonly #closers = new Map<Handle, Deferred>();
  readonly #listeners = new Map<(value: unknown) => void, Context>();
  readonly #outside = new Set<() => void>();
  // One for all: it is read before the next completion overwrites it.
  readonly #outcome: Outcome = { error: 0, native: 0, result: 0, offset: 0, bytesSent: 0 };
  readonly #packets = new Packets((most) => this.native.takePackets(most));
  #open = true; // an open port lives, whoever forgets it: the engine holds it
  #openHandles = 0;
  #pendingOperations = 0;
  #closing: Deferred | undefined;
  #lastStats: NativeStats | undefined;

  constructor(options: CoreOptions) {
    this.native = openNative(
      options,
      () => this.#deliver(),
      (referenced) => {
        const turn = immediately(() => this.native.turn());
        if (!referenced) turn.unref();
      },
    );
    this.rings = new Rings(this.native);
    this.sending = new Sending(this);
    const description = this.native.describe();
    this.id = description.id;
    this.loop = description.loop;
  }

  /** True once close() was called. */
  get closed(): boolean {
    return this.#closing !== undefined;
  }

  get stats(): NativeStats {
    return this.native.stats() ?? (this.#lastStats as NativeStats);
  }

  // --- posted values ---

  on(listener: (value: unknown) => void): void {
    this.#listeners.set(listener, currentContext());
    if (this.#packets.wait) void soon(() => this.#takePackets());
  }

  off(listener: (value: unknown) => void): void {
    this.#listeners.delete(listener);
  }

  // --- operations ---

  /** A token under which `waiting` is told of its completion. */
  expect(waiting: Waiting): number {
    const token = this.takeToken();
    this.expectAt(token, waiting);
    return token;
  }

  /** A token that nobody is told of yet: {@link giveBack} or {@link expectAt} follows at once. */
  takeToken(): number {
    if (this.#freeCount > 0) return this.#freeTokens[--this.#freeCount] as number;
    const token = this.#waiting.length;
    if (token > addon.layout.maxToken) throw systemError("ENOBUFS", { syscall: "submit" });
    this.#waiting[token] = undefined;
    return token;
  }

  giveBack(token: number): void {
    this.#freeTokens[this.#freeCount++] = token;
  }

  expectAt(token: number, waiting: Waiting): void {
    this.#waiting[token] = waiting;
    this.#pendingOperations++;
  }

  /** The submission was refused, or is done: no completion follows. */
  expectNot(token: number): void {
    this.#waiting[token] = undefined;
    this.giveBack(token);
    this.#pendingOperations--;
  }

  cancel(token: number): void {
    this.rings.submit(Opcode.cancel, 0, 0, token, 0, 0, 0);
  }

  // --- handles ---

  adopt(handle: Handle, index: number): void {
    this.#handles[index] = handle;
    this.#openHandles++;
  }

  /** The socket of a pull-style accept. */
  acceptedSocket(outcome: Outcome): TcpSocket {
    return this.#socket(outcome.result);
  }

  /** Resolves when the engine has let go of the handle. */
  whenClosed(handle: Handle, index: number): Promise<void> {
    if (this.#handles[index] !== handle) return Promise.resolve();
    let closer = this.#closers.get(handle);
    if (!closer) {
      closer = withResolvers();
      this.#closers.set(handle, closer);
    }
    return closer.promise;
  }

  /** Calls back when the port is closed, for what waits for something that is not the engine's; returns what ends that. */
  whenClosing(callback: () => void): () => void {
    addTo(this.#outside, callback);
    return () => void deleteFrom(this.#outside, callback);
  }

  /** Closes every handle, cancels every operation, then the engine. */
  close(): Promise<void> {
    if (this.#closing) return this.#closing.promise;
    this.#closing = withResolvers();
    eachOf(this.#outside, (callback) => callback());
    for (let index = 0; index < this.#handles.length; index++) {
      const handle = this.#handles[index];
      if (handle !== undefined) closeHandle(handle);
    }
    for (let token = 1; token < this.#waiting.length; token++) {
      if (this.#waiting[token]) this.cancel(token);
    }
    soon(() => this.#finishClosing());
    return this.#closing.promise;
  }

  // --- received bytes ---

  /** As a view, good only while their completion is delivered. */
  receivedView(offset: number, length: number): Uint8Array<ArrayBuffer> {
    return this.rings.receivedView(offset, length);
  }

  /** As a copy, the receiver's own. */
  receivedCopy(offset: number, length: number): Uint8Array<ArrayBuffer> {
    return this.rings.receivedCopy(offset, length);
  }

  copyReceived(into: Uint8Array, offset: number, length: number): void {
    this.rings.copyReceived(into, offset, length);
  }

  /** Whether sockets have still to hear that bytes of theirs wait in the engine. */
  get blockadeNewsIsDue(): boolean {
    return this.rings.blockadeNewsIsDue;
  }

  // --- completions ---

  #deliver(): void {
    this.sending.turnComes();
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
        return inner.received(this.#socket(index), words[at + CompletionWord.offset] as number, result);
      case CompletionKind.operation:
        return this.#operationEnds(index, words[at + CompletionWord.token] as number, this.#read(words, at));
      case CompletionKind.accepted:
        return this.#accepted(index, words[at + CompletionWord.token] as number, this.#read(words, at));
      case CompletionKind.end:
        return inner.ended(this.#socket(index));
      case CompletionKind.failed:
        return inner.failed(
          this.#socket(index),
          words[at + CompletionWord.token] === 0 ? "recv" : "send",
          this.#read(words, at),
        );
      case CompletionKind.blocked:
        this.rings.blockadeSeen();
        return inner.blocked(this.#socket(index));
      case CompletionKind.drained:
        return inner.drained(this.#socket(index));
      case CompletionKind.shortage:
        return listenerInner.shortage(this.#handles[index] as TcpListener, this.#read(words, at));
      case CompletionKind.closed:
        return this.#handleGone(index, this.#read(words, at));
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

  #operationEnds(index: number, token: number, outcome: Outcome): void {
    if (outcome.error !== 0 && errorName(outcome.error) !== "ECANCELED") {
      const handle = this.#handles[index]; // none, where a stale one was named
      if (isSocket(handle)) inner.lost(handle);
    }
    this.#settle(token, outcome);
  }

  #settle(token: number, outcome: Outcome): void {
    const waiting = this.#waiting[token] as Waiting;
    this.expectNot(token);
    waiting.settle(this, outcome);
  }

  #accepted(index: number, token: number, outcome: Outcome): void {
    const listener = this.#handles[index] as TcpListener;
    const socket = inner.make(this, outcome.result, outcome.offset, listenerInner.style(listener));
    this.adopt(socket, outcome.result);
    if (this.closed) inner.close(socket);
    if (token === 0) listenerInner.accepted(listener, socket);
    else this.#settle(token, outcome);
  }

  #handleGone(index: number, outcome: Outcome): void {
    const handle = this.#handles[index] as Handle;
    this.#handles[index] = undefined;
    this.#openHandles--;
    const closer = this.#closers.get(handle);
    if (closer) this.#closers.delete(handle);
    try {
      if (isSocket(handle)) inner.gone(handle, outcome);
      else listenerInner.gone(handle);
    } finally {
      if (closer) inTurn(closer.resolve);
    }
  }

  #takePackets(): void {
    this.#packets.handOut(this.#wantsPackets, this.#givePacket);
  }

  readonly #wantsPackets = (): boolean => this.#listeners.size > 0 && !this.closed;

  readonly #givePacket = (packet: Uint8Array): void => {
    this.posted++;
    try {
      this.#handOut(restore(packet));
    } catch (error) {
      reportUncaught(error); // a value that is nested too deeply to be restored
    }
  };

  #handOut(value: unknown): void {
    for (const [listener, context] of [...this.#listeners]) callIn(context, listener, undefined, value);
  }

  #finishClosing(): void {
    if (!this.#open || this.#openHandles > 0 || this.#pendingOperations > 0) return;
    this.#open = false;
    this.#lastStats = this.native.stats();
    this.rings.close();
    this.native.close();
    // After the promises of all that has ended, however many hops they take.
    immediately(() => this.#closing?.resolve());
  }
}

/** Posts to an open port of any thread. Unknown: `ENOENT`. */
export function post(id: number, value: unknown): void {
  if (addon.post(id, clone(value))) return;
  throw new PortsideError("ENOENT", `post: ENOENT, no open completion port has the number ${id}`, {
    syscall: "post",
  });
}

function closeHandle(handle: Handle): void {
  if (isSocket(handle)) inner.close(handle);
  else listenerInner.close(handle);
}

function withResolvers(): Deferred {
  let resolve!: () => void;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

function openNative(
  options: CoreOptions,
  deliver: () => void,
  yieldTurn: (referenced: boolean) => void,
): NativePort {
  try {
    return new addon.Port({ ...options, ...receiveMemory() }, deliver, yieldTurn);
  } catch (error) {
    throw openError(error);
  }
}

/** Why the addon opened no port, and for want of what. */
interface Refusal {
  code: number;
  native: number;
  missing: string;
}

/** What is missing to open a port, whoever missed it. */
function openError(error: unknown): PortsideError {
  const refused = (error as { portside?: Refusal } | null)?.portside;
  if (refused) {
    const code = errorName(refused.code);
    const said = `${refused.missing} is missing; ${sentenceOf(code)}`;
    return systemError(code, { syscall: "open", native: refused.native }, said);
  }
  // V8 says so when it has no memory for an array.
  return systemError(error instanceof RangeError ? "ENOMEM" : "UNKNOWN", { syscall: "open", cause: error });
}
