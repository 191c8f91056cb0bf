import { types } from "node:util";
import { byteLength, encoded, mostBytes, type Part, type Parts } from "./bytes.js";
import type { Core } from "./core.js";
import { Opcode, SubmissionFlag } from "./names.js";
import { PendingSend } from "./pending.js";
import { smallSend } from "./rings.js";
import { inner, type TcpSocket } from "./socket.js";

const { isUint8Array } = types;

// What the engine answers to a send that nobody waits for, on a connection that has ended.
const refused = 0xffffffff;

// Sends that promises wait for are done without a turn of the engine while they are no more than these since the last
// one: a loop that awaits them would keep everything else from running for as long as the peer keeps up. As many as one
// batch can have brought; a large one counts for several.
const mostAnswered = 1024;
const worthOne = 4096;

/** The ways that bytes take out of JavaScript: through the rings while they are few, else straight from where they lie. */
export class Sending {
  readonly #core: Core;
  #placedAt = 0;
  #answered = 0;

  constructor(core: Core) {
    this.#core = core;
  }

  /** The engine has its turn, and everybody else had theirs. */
  turnComes(): void {
    this.#answered = 0;
  }

  /** A send that nobody waits for. */
  write(socket: TcpSocket, index: number, generation: number, parts: Parts): void {
    const { rings, native } = this.#core;
    const length = this.#place(parts);
    if (length < 0) {
      const left = native.send(index, generation, 0, SubmissionFlag.answered, largeParts(parts));
      if (left >= refused) inner.lost(socket);
      else inner.heldBack(socket, left);
    } else {
      const flags = inner.account(socket, length);
      rings.submit(Opcode.send, index, generation, 0, this.#placedAt, length, flags);
    }
  }

  /** A send that an operation waits for. */
  send(index: number, generation: number, token: number, parts: Parts): void {
    const { rings, native } = this.#core;
    const length = this.#place(parts);
    if (length < 0) native.send(index, generation, token, SubmissionFlag.none, largeParts(parts));
    else rings.submit(Opcode.send, index, generation, token, this.#placedAt, length, 0);
  }

  /**
   * A send that a promise waits for: handed over at once, as most are done at once, and then cost neither a completion
   * nor a turn.
   */
  sendNow(
    socket: TcpSocket,
    index: number,
    generation: number,
    parts: Parts,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    const core = this.#core;
    const { rings } = core;
    const isAnswered = this.#answered < mostAnswered && !inner.hasSends(socket);
    const flags = isAnswered ? SubmissionFlag.answered : SubmissionFlag.none;
    let length = this.#place(parts);
    const large = length < 0 ? largeParts(parts) : undefined; // a text may be too long to be encoded
    const token = core.takeToken();
    let left: number;
    if (large === undefined) {
      rings.submit(Opcode.send, index, generation, token, this.#placedAt, length, flags);
      rings.flush();
      left = rings.left;
    } else {
      length = mostBytes(large);
      left = core.native.send(index, generation, token, flags, large);
    }
    if (left === 0 && isAnswered) {
      this.#answered += 1 + Math.floor(length / worthOne);
      core.giveBack(token);
      return Promise.resolve(length);
    }
    inner.sendBegins(socket);
    const pending = new PendingSend(socket);
    core.expectAt(token, pending);
    return pending.submitted(core, token, signal);
  }

  // Puts bytes where a submission can name them; returns how many, or -1 when they are too many for that.
  #place(parts: Parts): number {
    const { rings } = this.#core;
    if (isUint8Array(parts)) {
      const length = byteLength(parts);
      if (length > smallSend) {
        // A borrowed view goes out from where it was received.
        this.#placedAt = rings.receivedOffset(parts);
        return this.#placedAt < 0 ? -1 : length;
      }
      this.#placedAt = rings.reserve(length);
      return rings.place(parts, this.#placedAt);
    }
    if (mostBytes(parts) > smallSend) return -1;
    const start = rings.reserve(smallSend);
    this.#placedAt = start;
    if (typeof parts === "string") return rings.place(parts, start);
    let end = start;
    for (let i = 0; i < parts.length; i++) end += rings.place(parts[i] as Part, end);
    return end - start;
  }
}

function largeParts(parts: Parts): Uint8Array | readonly Uint8Array[] {
  if (typeof parts === "string" || isUint8Array(parts)) return encoded(parts);
  return parts.map(encoded);
}
