import process from "node:process";
import cliProgress from "cli-progress";

/** How far a long run is, on a terminal only. */
export class Progress {
  readonly #bar: cliProgress.SingleBar | undefined;

  /** @param steps how many times step() will be called */
  constructor(steps: number) {
    if (!process.stderr.isTTY) return;
    const format = "{bar} {value}/{total}  {duration_formatted}  {doing}";
    // Signals are the program's own business: the bar must neither catch them nor leave a cursor hidden.
    const options = { format, clearOnComplete: true, gracefulExit: false };
    this.#bar = new cliProgress.SingleBar(options, cliProgress.Presets.shades_classic);
    this.#bar.start(steps, 0, { doing: "" });
  }

  /** Shows what is being done, does it and counts it. */
  async step<T>(doing: string, work: () => Promise<T>): Promise<T> {
    this.#bar?.update({ doing });
    const result = await work();
    this.#bar?.increment();
    return result;
  }

  /** Takes the bar away. */
  stop(): void {
    this.#bar?.stop();
  }
}
