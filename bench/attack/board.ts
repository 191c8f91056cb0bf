import { writeSync } from "node:fs";

/** Which victims there may be, and how many attacks run side by side. */
export const mostVictims = 32;
export const mostLanes = 4;

const textLength = 200;

/**
 * What the attacked thread is doing, in memory that its supervisor sees even while it hangs: how many steps were begun,
 * what each lane is at, and how far every victim has come.
 */
export class Board {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #texts: Buffer;

  constructor(memory = new SharedArrayBuffer(4 * (2 + mostVictims) + mostLanes * textLength)) {
    this.memory = memory;
    this.#words = new Int32Array(memory, 0, 2 + mostVictims);
    this.#texts = Buffer.from(memory, 4 * (2 + mostVictims));
  }

  begin(lane: number, doing: string): void {
    this.#texts.fill(0, lane * textLength, (lane + 1) * textLength);
    this.#texts.write(doing, lane * textLength, textLength, "latin1");
    this.step();
  }

  step(): void {
    this.#words[0] = ((this.#words[0] as number) + 1) | 0;
  }

  get steps(): number {
    return this.#words[0] as number;
  }

  get doing(): string {
    const texts = Array.from({ length: mostLanes }, (_, lane) =>
      Buffer.from(this.#texts.subarray(lane * textLength, (lane + 1) * textLength))
        .toString("latin1")
        .replace(/\0+$/, ""),
    );
    return texts.filter((text) => text !== "").join(" | ");
  }

  /** The checker has seen the end of all streams. */
  finish(): void {
    Atomics.store(this.#words, 1 + mostVictims, 1);
  }

  get finished(): boolean {
    return Atomics.load(this.#words, 1 + mostVictims) === 1;
  }

  echoed(victim: number): void {
    this.#words[1 + victim] = ((this.#words[1 + victim] as number) + 1) | 0;
  }

  echoes(victim: number): number {
    return this.#words[1 + victim] as number;
  }
}

/** What a round tells whoever watches it, one line each, on descriptor 3. */
export type Message =
  | { type: "alive"; steps: number; doing: string }
  | { type: "fault"; text: string }
  | { type: "victims"; bytes: number; connections: number }
  | { type: "done"; counts: Record<string, number> };

const send = writeSync; // whatever an attack puts in its place later
const { stringify } = JSON;

/** Written at once: the process may not live until its next turn. */
export function tell(message: Message): void {
  const line = Buffer.from(`${stringify(message)}\n`);
  for (let at = 0; at < line.length; ) {
    try {
      at += send(3, line, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return;
    }
  }
}
