import { createHistogram, performance } from "node:perf_hooks";
import { EchoConnection } from "./echo_connection.js";
import type { Library } from "./library.js";
import { mostOnTheirWay, Pace } from "./pace.js";

/** Milliseconds after which an answer that has not come is counted as a failure. */
const patience = 15_000;

/** Round trips of a closed loop; latencies in microseconds. */
export interface RoundTrips {
  perSecond: number;
  p50: number;
  p99: number;
  failures: number;
}

/** What the client process can be asked to do. */
export class EchoClient {
  readonly #library: Library;
  readonly #port: number;
  readonly #held: EchoConnection[] = [];
  readonly #pace: Pace | undefined;

  /** @param port the echo server's */
  constructor(library: Library, port: number) {
    this.#library = library;
    this.#port = port;
    const most = mostOnTheirWay();
    if (most !== Number.POSITIVE_INFINITY) this.#pace = new Pace(most);
  }

  /** Opens so many more connections at once (or as the accept queue allows), one message on each, and keeps them. */
  async open(count: number): Promise<{ milliseconds: number; failures: number }> {
    const began = performance.now();
    const open = async () => {
      const connection = await EchoConnection.open(this.#library, this.#port);
      this.#held.push(connection);
      await connection.exchange();
    };
    const pace = this.#pace;
    const failures = await this.#countFailures(count, pace ? () => pace.run(open) : open);
    return { milliseconds: performance.now() - began, failures };
  }

  /** Sends one message after the other on each of so many connections, for so long. */
  async roundTrips(connections: number, seconds: number): Promise<RoundTrips> {
    const latency = createHistogram();
    const began = performance.now();
    const deadline = began + seconds * 1000;
    const failures = await this.#countFailures(connections, async () => {
      const connection = await EchoConnection.open(this.#library, this.#port);
      this.#held.push(connection);
      for (let now = performance.now(); now < deadline; ) {
        await connection.exchange();
        const after = performance.now();
        latency.record(Math.max(1, Math.round((after - now) * 1000)));
        now = after;
      }
    });
    const perSecond = latency.count / ((performance.now() - began) / 1000);
    return { perSecond, p50: latency.percentile(50), p99: latency.percentile(99), failures };
  }

  /** Does something so many times at once and counts how often it fails or takes too long. */
  async #countFailures(count: number, work: () => Promise<void>): Promise<number> {
    let giveUp: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      giveUp = setTimeout(() => reject(new Error(`no answer within ${patience} ms`)), patience);
    });
    const outcomes = await Promise.allSettled(
      Array.from({ length: count }, () => Promise.race([work(), late])),
    );
    clearTimeout(giveUp);
    return outcomes.filter(({ status }) => status === "rejected").length;
  }
}
