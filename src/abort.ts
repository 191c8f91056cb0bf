import events from "node:events";
import { abortError, typeError } from "./errors.js";
import { whenSettled } from "./scheduling.js";

/** Something that ends when a signal is aborted. */
export interface Abortable {
  abort(reason: unknown): void;
}

// One listener a signal, however many operations wait with it: a thousand receives with one signal are ordinary, and
// Node would warn of a leak from the eleventh listener on.
const hubs = new WeakMap<AbortSignal, Hub>();

// As they are now: a program's tests may replace the global one, by jsdom's for instance.
const { AbortController, AbortSignal: OwnSignal } = globalThis;

/** Whether `events.addAbortListener` keeps its word, which some runtimes' does not: it hears of every abort. */
const nothingStopsIt = ((): boolean => {
  try {
    const controller = new AbortController();
    let heard = false;
    controller.signal.addEventListener("abort", (event) => event.stopImmediatePropagation());
    events.addAbortListener(controller.signal, () => {
      heard = true;
    });
    controller.abort();
    return heard;
  } catch {
    return false; // there is none
  }
})();

/**
 * Calls `listener` when the signal is aborted, whatever other listeners do to the event; returns what takes it off.
 * Where the runtime does not help, a capturing listener comes before the others.
 */
function subscribe(signal: AbortSignal, listener: () => void): () => void {
  if (nothingStopsIt && signal instanceof OwnSignal) {
    const subscription = events.addAbortListener(signal, listener);
    return () => subscription[Symbol.dispose]();
  }
  signal.addEventListener("abort", listener, { once: true, capture: true });
  return () => signal.removeEventListener("abort", listener, { capture: true });
}

class Hub {
  readonly waiting = new Set<Abortable>();
  #unsubscribe: (() => void) | undefined;

  constructor(readonly signal: AbortSignal) {}

  /** A signal that cannot be listened to is taken for an aborted one: what waits with it must not wait for ever. */
  open(): void {
    hubs.set(this.signal, this);
    try {
      this.#unsubscribe = subscribe(this.signal, () => this.#fire());
    } catch (error) {
      this.#end(error);
    }
  }

  close(): void {
    if (hubs.get(this.signal) === this) hubs.delete(this.signal);
    try {
      this.#unsubscribe?.();
    } catch {
      // Not one of the runtime's own. Nobody waits any more.
    }
  }

  #fire(): void {
    let reason: unknown;
    try {
      reason = this.signal.reason;
    } catch (error) {
      reason = error;
    }
    this.#end(reason);
  }

  #end(reason: unknown): void {
    this.close();
    for (const abortable of [...this.waiting]) {
      if (this.waiting.delete(abortable)) abortable.abort(reason);
    }
  }
}

function isFunction(value: unknown): boolean {
  return typeof value === "function";
}

/**
 * The signal of an operation's options, checked; an aborted one is refused at the door. As in Node's own functions, a
 * signal is what looks like one: polyfills' and other realms' do as well.
 */
export function admitSignal(signal: unknown, syscall: string): AbortSignal | undefined {
  if (signal === undefined) return undefined;
  if (typeof signal !== "object" || signal === null) throw typeError("signal", "an AbortSignal", signal);
  const candidate = signal as AbortSignal;
  const aborted: unknown = candidate.aborted;
  const isSignal =
    typeof aborted === "boolean" &&
    isFunction(candidate.addEventListener) &&
    isFunction(candidate.removeEventListener);
  if (!isSignal) throw typeError("signal", "an AbortSignal", signal);
  if (aborted) throw abortError(syscall, candidate.reason);
  return candidate;
}

/** Waits for the promise, and no longer than until the signal is aborted. */
export function untilAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
  syscall: string,
): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise<T>((resolve, reject) => {
    const abortable = { abort: (reason: unknown) => reject(abortError(syscall, reason)) };
    watch(signal, abortable);
    const done = (): void => unwatch(signal, abortable);
    whenSettled(
      promise,
      (value) => {
        done();
        resolve(value);
      },
      (error) => {
        done();
        reject(error);
      },
    );
  });
}

/** Has `abortable` aborted with the signal, until {@link unwatch}. The signal is not aborted yet. */
export function watch(signal: AbortSignal, abortable: Abortable): void {
  const known = hubs.get(signal);
  if (known) {
    known.waiting.add(abortable);
    return;
  }
  const hub = new Hub(signal);
  hub.waiting.add(abortable);
  hub.open();
}

export function unwatch(signal: AbortSignal, abortable: Abortable): void {
  const hub = hubs.get(signal);
  if (hub?.waiting.delete(abortable) && hub.waiting.size === 0) hub.close();
}
