import { addon } from "./native.js";

/**
 * Reports a handler's exception as Node reports any that nobody caught, and at once: whoever listens finds the async
 * context of the handler, and no promise waits for it. A listener that is called later, from a microtask, finds no
 * context; an exception out of `process.nextTick()` keeps Node's promises waiting.
 */
export function reportUncaught(error: unknown): void {
  addon.reportUncaught(error);
}
