/** Numbers that a seed brings back (mulberry32). Not for secrets. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 to below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** From `least` to `most`, both included. */
  integer(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.integer(0, items.length - 1)] as T;
  }

  /** One of its own, so that what others draw, and when, changes nothing for its owner. */
  fork(): Random {
    return new Random(this.integer(0, 0xffffffff));
  }

  /** Sizes as traffic has them: most are small, some do not fit into any buffer. */
  size(): number {
    const kind = this.next();
    if (kind < 0.6) return this.integer(1, 300);
    if (kind < 0.9) return this.integer(301, 20_000);
    return this.integer(20_001, 300_000);
  }

  /** Gives way: not at all, for a turn of the loop, or for some milliseconds. */
  pause(): Promise<void> {
    const kind = this.next();
    if (kind < 0.4) return Promise.resolve();
    if (kind < 0.8) return new Promise((resolve) => setImmediate(resolve));
    return new Promise((resolve) => setTimeout(resolve, this.integer(1, 5)));
  }

  /** Calls back in a while: in this tick's end, in the next turn of the loop, or some milliseconds later. */
  later(callback: () => void, longest = 5): void {
    const kind = this.next();
    if (kind < 0.3) queueMicrotask(callback);
    else if (kind < 0.6) setImmediate(callback);
    else setTimeout(callback, this.integer(1, longest));
  }
}
