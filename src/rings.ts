import { ControlWord, type Opcode, SubmissionWord, Words } from "./names.js";
import { addon, type NativePort } from "./native.js";

const { layout } = addon;

// Taken at load, and called without looking anything up: who replaces a built-in later does not get to see the
// rings as its `this` or its argument.
const Words32 = Int32Array;
const BytesOf = Uint8Array;
const uncurry = Function.prototype.bind.bind(Function.prototype.call) as <
  This,
  Args extends unknown[],
  Result,
>(
  method: (this: This, ...args: Args) => Result,
) => (self: This, ...args: Args) => Result;
const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array;
const setBytes = uncurry(typedArray.set as (this: Uint8Array, bytes: ArrayLike<number>, at: number) => void);
const lengthOf = uncurry(
  Object.getOwnPropertyDescriptor(typedArray, "byteLength")?.get as (this: Uint8Array) => number,
);
const bufferOf = uncurry(
  Object.getOwnPropertyDescriptor(typedArray, "buffer")?.get as (this: Uint8Array) => ArrayBufferLike,
);
const offsetOf = uncurry(
  Object.getOwnPropertyDescriptor(typedArray, "byteOffset")?.get as (this: Uint8Array) => number,
);
type WriteText = (this: Uint8Array, text: string, at: number, length: number) => number;
// What Buffer.prototype.write calls for UTF-8; its types leave it out.
const { utf8Write } = Buffer.prototype as unknown as { utf8Write: WriteText };
const writeText = uncurry(utf8Write);
const bufferOver = Buffer.from as (memory: ArrayBuffer, at: number, length: number) => Uint8Array;
const soon = queueMicrotask;

/** Sends up to this size are copied into the rings; larger ones go to the OS from where they lie. */
export const smallSend = 8192;

// Those of open ports. What was written and not handed over yet must not be lost with the process.
const open = new Set<Rings>();
let exiting = false;
process.on("exit", () => {
  exiting = true;
  for (const rings of open) rings.flush();
});

/**
 * JavaScript's side of the rings: submissions are written as a few integers and taken by the engine once per tick;
 * completions are read where the engine put them.
 */
export class Rings {
  readonly completions: Int32Array;
  readonly #port: NativePort;
  readonly #control: Int32Array;
  readonly #submissions: Int32Array;
  readonly #sendSpace: Uint8Array;
  #received: Uint8Array<ArrayBuffer>;
  #sendSpaceUsed = 0;
  #sendSpaceEpoch: number;
  #blockadesSeen: number;
  #flushScheduled = false;
  readonly #flush = (): void => {
    this.#flushScheduled = false;
    if (this.#control[ControlWord.submissions] !== 0) this.#port.submit();
  };

  constructor(port: NativePort) {
    const { rings, received } = port.memory();
    const words = Words.each;
    this.#port = port;
    this.#control = new Words32(rings, 0, 16);
    this.#submissions = new Words32(rings, layout.submissionsAt, layout.submissionCapacity * words);
    this.completions = new Words32(rings, layout.completionsAt, layout.completionCapacity * words);
    this.#sendSpace = bufferOver(rings, layout.sendSpaceAt, layout.sendSpaceSize);
    this.#received = new BytesOf(received);
    this.#sendSpaceEpoch = this.epoch;
    this.#blockadesSeen = this.#control[ControlWord.blockades] as number;
    open.add(this);
  }

  /** The port is being closed: nothing is left to be handed over. */
  close(): void {
    open.delete(this);
  }

  get completionCount(): number {
    return this.#control[ControlWord.completions] as number;
  }

  /** Changes whenever the engine has taken the submissions. It wraps. */
  get epoch(): number {
    return this.#control[ControlWord.epoch] as number;
  }

  /**
   * Where received bytes lie while their completions are delivered. A program may hold views of it (`borrow`), and
   * take its memory away by them; the engine goes on in new memory, where this batch's bytes lie at the same places.
   */
  get received(): Uint8Array<ArrayBuffer> {
    if (lengthOf(this.#received) === 0) this.#received = new BytesOf(this.#port.renewReceived());
    return this.#received;
  }

  submit(
    opcode: Opcode,
    index: number,
    generation: number,
    token: number,
    a: number,
    b: number,
    flags: number,
  ): void {
    const control = this.#control;
    this.#makeRoom();
    const count = control[ControlWord.submissions] as number;
    const words = this.#submissions;
    const at = count * Words.each;
    words[at] = opcode;
    words[at + SubmissionWord.index] = index;
    words[at + SubmissionWord.generation] = generation;
    words[at + SubmissionWord.token] = token;
    words[at + SubmissionWord.a] = a;
    words[at + SubmissionWord.b] = b;
    words[at + SubmissionWord.flags] = flags;
    control[ControlWord.submissions] = count + 1;
    // Within a turn the engine takes what was written when JavaScript returns.
    if (control[ControlWord.turning] === 0 && !this.#flushScheduled) {
      this.#flushScheduled = true;
      soon(this.#flush);
    }
    // No microtask runs any more.
    if (exiting) this.flush();
  }

  /** Hands over what was written now. */
  flush(): void {
    this.#port.submit();
  }

  /** Of the last send that was handed over: bytes the OS did not take. */
  get left(): number {
    return this.#control[ControlWord.left] as number;
  }

  /** Whether sockets have still to hear that bytes of theirs wait in the engine. */
  get blockadeNewsIsDue(): boolean {
    return this.#control[ControlWord.blockades] !== this.#blockadesSeen;
  }

  /** A `blocked` completion was delivered. Both sides' counters wrap at 32 bits. */
  blockadeSeen(): void {
    this.#blockadesSeen = (this.#blockadesSeen + 1) | 0;
  }

  /** Where in the receive space these bytes lie, as a submission names it; -1 when they lie elsewhere. */
  receivedOffset(data: Uint8Array): number {
    return bufferOf(data) === bufferOf(this.#received) ? layout.sendSpaceSize + offsetOf(data) : -1;
  }

  /** Room for a small send; submit() must follow before the next call. */
  reserve(bytes: number): number {
    this.#makeRoom();
    if (this.epoch !== this.#sendSpaceEpoch) {
      this.#sendSpaceEpoch = this.epoch;
      this.#sendSpaceUsed = 0;
    }
    if (this.#sendSpaceUsed + bytes > layout.sendSpaceSize) {
      this.flush();
      this.#sendSpaceEpoch = this.epoch;
      this.#sendSpaceUsed = 0;
    }
    return this.#sendSpaceUsed;
  }

  /** Copies into reserved room; returns how many bytes it took. */
  place(data: Uint8Array | string, at: number): number {
    let length: number;
    if (typeof data === "string") {
      length = writeText(this.#sendSpace, data, at, layout.sendSpaceSize - at);
    } else {
      length = lengthOf(data);
      // A detached one has no bytes, and must not be touched.
      if (length === 0) return 0;
      setBytes(this.#sendSpace, data, at);
    }
    this.#sendSpaceUsed = at + length;
    return length;
  }

  // A full ring is handed over at once. Not between reserve() and submit(): the bytes' room would be given away.
  #makeRoom(): void {
    if (this.#control[ControlWord.submissions] === layout.submissionCapacity) this.flush();
  }
}
