import { portError, rangeError, typeError, valueError } from "./errors.js";

// The door: what a program passes is checked here, so that nothing behind it has to be.

const mostInt32 = 0x7fffffff;

/** Refuses what is no options object, and options that do not exist: a misspelt one would be silently without effect. */
export function checkOptions(options: unknown, names: ReadonlySet<string>): void {
  if (options === undefined) return;
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw typeError("options", "an object", options);
  }
  for (const name of Object.keys(options)) {
    if (!names.has(name))
      throw valueError(`options.${name}`, `is no option here (there are: ${[...names].join(", ")})`, name);
  }
}

export function checkBoolean(name: string, value: unknown): asserts value is boolean {
  if (typeof value !== "boolean") throw typeError(name, "true or false", value);
}

export function booleanOf(name: string, value: unknown, fallback: boolean): boolean {
  if (value === undefined) return fallback;
  checkBoolean(name, value);
  return value;
}

export function checkInteger(
  name: string,
  value: unknown,
  least: number,
  most: number,
): asserts value is number {
  if (typeof value !== "number") throw typeError(name, "a number", value);
  if (!Number.isInteger(value) || value < least || value > most) throw rangeError(name, least, most, value);
}

export function integerOf(
  name: string,
  value: unknown,
  fallback: number,
  least: number,
  most = mostInt32,
): number {
  if (value === undefined) return fallback;
  checkInteger(name, value, least, most);
  return value;
}

export function portOf(name: string, value: unknown, fallback: number | undefined, least: number): number {
  if (value === undefined && fallback !== undefined) return fallback;
  if (typeof value !== "number") throw typeError(name, "a number", value);
  if (!Number.isInteger(value) || value < least || value > 65535) throw portError(name, least, value);
  return value;
}

/** A host name is at most 253 characters long (RFC 1035, section 2.3.4), an address with its zone shorter. */
const longestHost = 253;

export function hostOf(name: string, value: unknown, fallback: string | undefined): string | undefined {
  if (value === undefined) return fallback;
  if (typeof value !== "string") throw typeError(name, "a host name or an IP address", value);
  if (value === "" || value.includes("\0"))
    throw valueError(name, "must be a host name or an IP address", value);
  if (value.length > longestHost) {
    throw valueError(name, `must be a host name of at most ${longestHost} characters`, value);
  }
  return value;
}

/** Keep-alive as the engine takes it: milliseconds before the first probe; 0: off; -1: on, with the OS's delay. */
export function keepAliveOf(value: unknown): number {
  if (value === undefined || value === false) return 0;
  if (value === true) return -1;
  if (typeof value !== "number")
    throw typeError("options.keepAlive", "true, false or a number of milliseconds", value);
  return checkKeepAliveDelay("options.keepAlive", value);
}

/** The kernels count keep-alive in seconds. */
export function checkKeepAliveDelay(name: string, value: unknown): number {
  if (value === undefined) return -1;
  checkInteger(name, value, 1000, mostInt32);
  return value;
}

const largestReceive = 65536;

export function checkReceiveSize(value: unknown): number {
  return integerOf("options.size", value, largestReceive, 1, largestReceive);
}

/** Handlers are functions, or absent; unknown ones are refused as unknown options are. */
export function checkHandlers(handlers: unknown, names: ReadonlySet<string>): void {
  if (handlers === undefined) return;
  if (typeof handlers !== "object" || handlers === null || Array.isArray(handlers)) {
    throw typeError("handlers", "an object of functions", handlers);
  }
  for (const name of names) {
    const handler = (handlers as Record<string, unknown>)[name];
    if (handler !== undefined && typeof handler !== "function") {
      throw typeError(`handlers.${name}`, "a function", handler);
    }
  }
  for (const name of Object.keys(handlers)) {
    if (!names.has(name) && typeof (handlers as Record<string, unknown>)[name] === "function") {
      throw valueError(`handlers.${name}`, `is no handler here (there are: ${[...names].join(", ")})`, name);
    }
  }
}
