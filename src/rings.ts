import {
  addTo,
  allocateUnsafe,
  BytesOf,
  bufferOver,
  deleteFrom,
  eachOf,
  ofTypedArray,
  setBytes,
  Words32,
  writeText,
} from "./intrinsics.js";
import { ControlWord, type Opcode, SubmissionWord, Words } from "./names.js";
import { addon, type NativePort } from "./native.js";
import { soon } from "./scheduling.js";

const { layout } = addon;

// V8 keeps typed arrays of up to so many bytes on its own heap, where they are cheapest.
const onHeap = 64;

/** Sends up to this size are copied into the rings; larger ones go to the OS from where they lie. */
export const smallSend = 8192;

// Those of open ports. What was written and not handed over yet must not be lost with the process.
const open = new Set<Rings>();
let exiting = false;
process.on("exit", () => {
  exiting = true;
  eachOf(open, (rings) => rings.flush());
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
    addTo(open, this);
  }

  /** The port is being closed: nothing is left to be handed over. */
  close(): void {
    deleteFrom(open, this);
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
  get #receiveSpace(): Uint8Array<ArrayBuffer> {
    if (ofTypedArray.length(this.#received) === 0) this.#received = new BytesOf(this.#port.renewReceived());
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
      void soon(this.#flush);
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
    if (ofTypedArray.buffer(data) !== ofTypedArray.buffer(this.#received)) return -1;
    return layout.sendSpaceSize + ofTypedArray.offset(data);
  }

  /** Received bytes as a view, good only while their completion is delivered. */
  receivedView(offset: number, length: number): Uint8Array<ArrayBuffer> {
    return new BytesOf(ofTypedArray.buffer(this.#receiveSpace), offset, length);
  }

  /** Received bytes as a copy, the receiver's own. */
  receivedCopy(offset: number, length: number): Uint8Array<ArrayBuffer> {
    const view = this.receivedView(offset, length);
    if (length <= onHeap) return new BytesOf(view); // a slice() would ask for the class to make (Symbol.species)
    // Memory that is filled at once need not be zeroed first.
    const copy = new BytesOf(ofTypedArray.buffer(allocateUnsafe(length)));
    setBytes(copy, view, 0);
    return copy;
  }

  copyReceived(into: Uint8Array, offset: number, length: number): void {
    setBytes(into, this.receivedView(offset, length), 0);
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
      length = ofTypedArray.length(data);
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
