import { addon } from "./native.js";

// As it is now: fake timers may replace it.
const { queueMicrotask } = globalThis;

// Deno ends with "Uncaught null" when native code reports an exception that nobody listens for.
const isAtOnce = process.versions.deno === undefined;

/**
 * Reports a handler's exception as Node reports any that nobody caught, and at once: whoever listens finds the async
 * context of the handler, and no promise waits for it. A listener that is called later, from a microtask, finds no
 * context; an exception out of `process.nextTick()` keeps Node's promises waiting.
 */
export function reportUncaught(error: unknown): void {
  if (isAtOnce) addon.reportUncaught(error);
  else
    queueMicrotask(() => {
      throw error;
    });
}
