import { setImmediate } from "node:timers";

// Everything the engine schedules with, taken once, when the module is loaded: fake timers (sinon's, Jest's, Vitest's)
// replace the globals later, and must not stop the engine.

/** After Node's own timers, files and promises had their turn. */
export const immediately = setImmediate;

/** `promise.then()`, whoever has replaced it meanwhile. */
export const follow = Function.prototype.call.bind(Promise.prototype.then) as <T, Result>(
  promise: Promise<T>,
  fulfilled: (value: T) => Result,
  rejected?: (error: unknown) => Result,
) => Promise<Result>;

const done = Promise.resolve();

/** At the end of the tick. What `callback` throws is an unhandled rejection: it should not. */
export function soon(callback: () => void): Promise<void> {
  return follow(done, callback);
}
