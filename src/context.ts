import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";

/** The async context of a call that gave handlers (AsyncLocalStorage): they run in it. */
export type Context = AsyncResource;

// Nobody waits for the destroy hook, so none is registered with the garbage collector.
const options = { requireManualDestroy: true };

const runInScope = Function.prototype.call.bind(AsyncResource.prototype.runInAsyncScope) as <
  Arguments extends unknown[],
>(
  context: Context,
  callback: (...values: Arguments) => unknown,
  self: unknown,
  ...values: Arguments
) => void;

/**
 * Before Node 24 `enterWith()` writes into the resource that is being run in, where the next handler would find it: each
 * call then gets a copy of its own. Later versions write into a frame that ends with the call.
 */
const resourcesKeepStores = "_enable" in AsyncLocalStorage.prototype && canBeCopied();

/** Bun has that name too, but resources with private fields, which a copy lacks. */
function canBeCopied(): boolean {
  try {
    runInScope({ ...new AsyncResource("Portside", options) } as Context, () => {}, undefined);
    return true;
  } catch {
    return false;
  }
}

export function currentContext(): Context {
  return new AsyncResource("Portside", options);
}

/** Calls a handler in its context. What it does to that context (`enterWith`) ends with the call. */
export function callIn<Arguments extends unknown[]>(
  context: Context,
  callback: (...values: Arguments) => unknown,
  self: unknown,
  ...values: Arguments
): void {
  runInScope(resourcesKeepStores ? ({ ...context } as Context) : context, callback, self, ...values);
}
