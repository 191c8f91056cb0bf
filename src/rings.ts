import { Buffer } from "node:buffer";
import { ControlWord, type Opcode, SubmissionWord, Words } from "./names.js";
import { addon, type NativePort } from "./native.js";

const { layout } = addon;

// Memory that no program can detach: structuredClone and ArrayBuffer.prototype.transfer refuse it, while they would
// take an ordinary ArrayBuffer away from under the engine. (The WebAssembly types belong to the DOM library, which
// a server has no other use for.)
declare const WebAssembly: {
  Memory: new (descriptor: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
};
const wasmPage = 65536;

function lastingMemory(bytes: number): ArrayBuffer {
  const pages = Math.ceil(bytes / wasmPage);
  return new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer;
}

/** Sends up to this size are copied into the rings; larger ones go to the OS from where they lie. */
export const smallSend = 8192;

/**
 * JavaScript's side of the rings: submissions are written as a few integers and taken by the engine once per tick;
 * completions are read where the engine put them.
 */
export class Rings {
  readonly memory = lastingMemory(layout.ringsSize);
  /** Where received bytes lie while their completions are delivered. A program may hold views of it (`borrow`). */
  readonly received = new Uint8Array(lastingMemory(layout.receiveSpaceSize));
  readonly completions = new Int32Array(
    this.memory,
    layout.completionsAt,
    layout.completionCapacity * Words.each,
  );
  readonly #control = new Int32Array(this.memory, 0, 16);
  readonly #submissions = new Int32Array(
    this.memory,
    layout.submissionsAt,
    layout.submissionCapacity * Words.each,
  );
  readonly #sendSpace = Buffer.from(this.memory, layout.sendSpaceAt, layout.sendSpaceSize);
  #sendSpaceUsed = 0;
  #sendSpaceEpoch = -1;
  #flushScheduled = false;
  readonly #flush = (): void => {
    this.#flushScheduled = false;
    if (this.#control[ControlWord.submissions] !== 0) this.port.submit();
  };

  /** Set once the engine exists, which needs this memory first. */
  port!: NativePort;

  get completionCount(): number {
    return this.#control[ControlWord.completions] as number;
  }

  /** Changes whenever the engine has taken the submissions. */
  get epoch(): number {
    return this.#control[ControlWord.epoch] as number;
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
      queueMicrotask(this.#flush);
    }
  }

  /** Hands over what was written now. */
  flush(): void {
    this.port.submit();
  }

  /** Of the last send that was handed over: bytes the OS did not take. */
  get left(): number {
    return this.#control[ControlWord.left] as number;
  }

  /** How many `blocked` completions the engine has written so far, delivered or not. */
  get blockades(): number {
    return this.#control[ControlWord.blockades] as number;
  }

  /** Where in the receive space these bytes lie, as a submission names it; -1 when they lie elsewhere. */
  receivedOffset(data: Uint8Array): number {
    return data.buffer === this.received.buffer ? layout.sendSpaceSize + data.byteOffset : -1;
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
      length = this.#sendSpace.write(data, at, "utf8");
    } else {
      length = data.byteLength;
      // A detached one has no bytes, and must not be touched.
      if (length === 0) return 0;
      this.#sendSpace.set(data, at);
    }
    this.#sendSpaceUsed = at + length;
    return length;
  }

  // A full ring is handed over at once. Not between reserve() and submit(): the bytes' room would be given away.
  #makeRoom(): void {
    if (this.#control[ControlWord.submissions] === layout.submissionCapacity) this.flush();
  }
}
