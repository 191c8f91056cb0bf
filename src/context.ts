import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";
import { reportUncaught } from "./uncaught.js";

/** The async context of a call that gave handlers (AsyncLocalStorage): they run in it. */
export interface Context {
  readonly resource: AsyncResource;
  /** What the resource consists of, while it carries nobody's store. */
  readonly parts: readonly unknown[] | undefined;
}

// Nobody waits for the destroy hook, so none is registered with the garbage collector.
const options = { requireManualDestroy: true };

const runInScope = Function.prototype.call.bind(AsyncResource.prototype.runInAsyncScope) as <
  Arguments extends unknown[],
>(
  resource: AsyncResource,
  callback: (...values: Arguments) => unknown,
  self: unknown,
  ...values: Arguments
) => void;

// What every resource consists of: its number, its cause's, and in some versions a frame.
const names = Object.getOwnPropertySymbols(new AsyncResource("Portside", options));
const [first, second, third] = names as [symbol, symbol, symbol];

/**
 * Before Node 24 `enterWith()` writes into the resource that is being run in, where the next handler would find it: each
 * call then gets a copy of its own. Later versions write into a frame that ends with the call.
 */
const resourcesKeepStores = "_enable" in AsyncLocalStorage.prototype && canBeCopied();

/** Bun has that name too, but resources with private fields, which a copy lacks. */
function canBeCopied(): boolean {
  try {
    runInScope({ ...new AsyncResource("Portside", options) } as AsyncResource, () => {}, undefined);
    return true;
  } catch {
    return false;
  }
}

export function currentContext(): Context {
  const resource = new AsyncResource("Portside", options);
  return { resource, parts: resourcesKeepStores ? partsOf(resource) : undefined };
}

// Stores of AsyncLocalStorage lie beside them under symbols of their own.
function partsOf(resource: AsyncResource): readonly unknown[] | undefined {
  const own = Object.getOwnPropertySymbols(resource);
  if (own.length !== names.length || (names.length !== 2 && names.length !== 3)) return undefined;
  return names.map((name) => (resource as unknown as Record<symbol, unknown>)[name]);
}

// A literal costs a fraction of a spread, and most programs keep no stores.
function copyOf({ resource, parts }: Context): AsyncResource {
  let copy: object;
  if (parts === undefined) copy = { ...resource };
  else if (parts.length === 2) copy = { [first]: parts[0], [second]: parts[1] };
  else copy = { [first]: parts[0], [second]: parts[1], [third]: parts[2] };
  return copy as AsyncResource;
}

const { apply } = Reflect;

/** Calls a handler; its exception is reported from where it was thrown, for those who look at the context there. */
function call<Arguments extends unknown[]>(
  this: unknown,
  callback: (...values: Arguments) => unknown,
  ...values: Arguments
): void {
  try {
    apply(callback, this, values);
  } catch (error) {
    reportUncaught(error);
  }
}

/**
 * Calls a handler in its context, and never throws. What the handler does to its context (`enterWith`) ends with the
 * call.
 */
export function callIn<Arguments extends unknown[]>(
  context: Context,
  callback: (...values: Arguments) => unknown,
  self: unknown,
  ...values: Arguments
): void {
  runInScope(resourcesKeepStores ? copyOf(context) : context.resource, call, self, callback, ...values);
}
