import { createHistogram, performance, type RecordableHistogram } from "node:perf_hooks";

/** Measures how late a chain of timers fires. */
export class TimerLateness {
  readonly #interval: number;
  #histogram: RecordableHistogram = createHistogram();
  #timer: NodeJS.Timeout | undefined;

  /** @param interval milliseconds from one timer of the chain to the next */
  constructor(interval: number) {
    this.#interval = interval;
  }

  start(): void {
    this.#histogram = createHistogram();
    this.#next();
  }

  /** Ends the chain: p50, p99 and maximum of the lateness in milliseconds. */
  stop(): [p50: number, p99: number, max: number] {
    clearTimeout(this.#timer);
    const histogram = this.#histogram;
    return [histogram.percentile(50) / 1000, histogram.percentile(99) / 1000, histogram.max / 1000];
  }

  #next(): void {
    const due = performance.now() + this.#interval;
    this.#timer = setTimeout(() => {
      // whole microseconds; a histogram takes nothing below 1
      this.#histogram.record(Math.max(1, Math.round((performance.now() - due) * 1000)));
      this.#next();
    }, this.#interval);
  }
}
