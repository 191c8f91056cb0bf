import process from "node:process";

/** Systems whose accept queue holds 128 at most (kern.ipc.somaxconn), and that may reset who finds it full. */
const shortQueues: readonly NodeJS.Platform[] = ["darwin", "freebsd", "netbsd", "openbsd"];

/** Half of such a queue. */
const safely = 64;

/** How many clients may be on their way to a server at once. */
export function mostOnTheirWay(platform: NodeJS.Platform = process.platform): number {
  return shortQueues.includes(platform) ? safely : Number.POSITIVE_INFINITY;
}

/** Lets so many do their work at once; the others wait for their turn. */
export class Pace {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(most: number) {
    this.#free = most;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free++;
    }
  }
}
