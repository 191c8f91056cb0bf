import { typeError } from "./errors.js";

/** Something that ends when a signal is aborted. */
export interface Abortable {
  abort(reason: unknown): void;
}

// One listener a signal, however many operations wait with it: a thousand receives with one signal are ordinary, and
// Node would warn of a leak from the eleventh listener on.
const hubs = new WeakMap<AbortSignal, Hub>();

class Hub {
  readonly waiting = new Set<Abortable>();

  constructor(readonly signal: AbortSignal) {}

  handleEvent(): void {
    hubs.delete(this.signal);
    for (const abortable of [...this.waiting]) {
      if (this.waiting.delete(abortable)) abortable.abort(this.signal.reason);
    }
  }
}

/** Refuses what is no AbortSignal. */
export function checkSignal(signal: unknown): asserts signal is AbortSignal | undefined {
  if (signal === undefined) return;
  if (!(signal instanceof AbortSignal)) throw typeError("signal", "an AbortSignal", signal);
}

/** Has `abortable` aborted with the signal, until {@link unwatch}. The signal is not aborted yet. */
export function watch(signal: AbortSignal, abortable: Abortable): void {
  let hub = hubs.get(signal);
  if (!hub) {
    hub = new Hub(signal);
    hubs.set(signal, hub);
    signal.addEventListener("abort", hub, { once: true });
  }
  hub.waiting.add(abortable);
}

export function unwatch(signal: AbortSignal, abortable: Abortable): void {
  const hub = hubs.get(signal);
  if (!hub?.waiting.delete(abortable) || hub.waiting.size > 0) return;
  hubs.delete(signal);
  signal.removeEventListener("abort", hub);
}
