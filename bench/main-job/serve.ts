import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { CompletionPort, listen } from "../../src/index.js";
import { backlog } from "./library.js";
import { echoHandlers } from "./portside_library.js";

/** Milliseconds that open connections get to finish. */
const drainTime = 5000;

/** Counts connections and tells when there are none. */
class OpenConnections {
  #count = 0;
  #whenNone = () => {};

  get count(): number {
    return this.#count;
  }

  opened(): void {
    this.#count++;
  }

  closed(): void {
    this.#count--;
    if (this.#count === 0) this.#whenNone();
  }

  none(): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenNone = resolve;
    });
  }
}

function nextSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
}

/** Echoes until a signal comes; then lets open connections finish, a second signal cuts them short. */
export async function serve(host: string, port: number): Promise<void> {
  const connections = new OpenConnections();
  const listener = await listen(
    { host, port, backlog },
    { ...echoHandlers, open: () => connections.opened(), close: () => connections.closed() },
  );
  const { address, port: actual } = listener.address;
  console.log(`Portside echoes on ${address} port ${actual}, backend ${CompletionPort.default.backend}.`);
  console.log(`Try: nc ${address} ${actual}    Ctrl-C ends it.`);
  await nextSignal();
  await listener.close();
  console.log(`Draining: ${connections.count} open connections have ${drainTime / 1000} s to finish.`);
  const enough = new AbortController();
  const late = sleep(drainTime, undefined, { signal: enough.signal }).catch(() => {});
  await Promise.race([connections.none(), late, nextSignal()]);
  enough.abort();
  const cut = connections.count;
  await CompletionPort.default.close();
  console.log(cut === 0 ? "Ended; every connection had finished." : `Ended; connections cut short: ${cut}.`);
}
