/** As many packets are taken from the engine at a time; it hands out no more in a turn, either. */
const mostAtATime = 256;

const none: readonly Uint8Array[] = [];

/**
 * Packets on their way from the engine's mailbox to the port's `posted` listeners. What no listener has seen stays
 * here, in order; the engine keeps the rest, and tells again that it has some once it was asked.
 */
export class Packets {
  #taken: readonly Uint8Array[] = none;
  #next = 0;
  #wait = false;

  constructor(private readonly take: (most: number) => readonly Uint8Array[]) {}

  /** Whether there are some, or the engine has told of some, that nobody wanted. */
  get wait(): boolean {
    return this.#wait;
  }

  /**
   * Hands packets out, one after the other, while they are wanted. A listener may take itself off, or close the port,
   * at any of them: the others wait for the next listener.
   */
  handOut(wanted: () => boolean, give: (packet: Uint8Array) => void): void {
    this.#wait = !this.#handOutTaken(wanted, give);
    if (this.#wait) return;
    this.#taken = this.take(mostAtATime);
    this.#next = 0;
    this.#wait = !this.#handOutTaken(wanted, give);
  }

  // False when they are not wanted any more.
  #handOutTaken(wanted: () => boolean, give: (packet: Uint8Array) => void): boolean {
    while (wanted()) {
      if (this.#next === this.#taken.length) {
        this.#taken = none; // handed out, they are not to be kept until the next ones come
        this.#next = 0;
        return true;
      }
      give(this.#taken[this.#next++] as Uint8Array);
    }
    return false;
  }
}
