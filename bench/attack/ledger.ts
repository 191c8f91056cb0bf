import { tell } from "./board.js";

/** Thrown by attacks, and by nothing else. */
export class AttackError extends Error {
  constructor() {
    super("thrown by an attack");
  }
}

/** What was done, and what has still to be heard of. */
export class Ledger {
  readonly counts: Record<string, number> = {};
  readonly #pending = new Map<number, string>();
  #last = 0;
  #faults = 0;

  count(what: string, by = 1): void {
    this.counts[what] = (this.counts[what] ?? 0) + by;
  }

  fault(text: string): void {
    if (this.#faults++ < 10) tell({ type: "fault", text });
  }

  /** Something that was accepted, and has to complete, once everything is closed at the latest. */
  expect(what: string): () => void {
    const id = ++this.#last;
    this.#pending.set(id, what);
    return () => {
      if (!this.#pending.delete(id)) this.fault(`completed twice: ${what}`);
    };
  }

  /** The same of whatever a call gave, where that is a promise. */
  follow(what: string, answer: unknown): void {
    if (!(answer instanceof Promise)) return;
    const done = this.expect(what);
    answer.then(done, done);
  }

  /** What never completed, by kind. */
  get pending(): string[] {
    const kinds = new Map<string, number>();
    for (const what of this.#pending.values()) kinds.set(what, (kinds.get(what) ?? 0) + 1);
    return [...kinds].map(([what, count]) => `${what} (${count})`);
  }
}
