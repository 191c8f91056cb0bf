import { types } from "node:util";
import { portError, rangeError, typeError, unknownError, valueError } from "./errors.js";
import { isRevoked } from "./intrinsics.js";
import type { LookupFunction } from "./lookup.js";
import { shortened } from "./shown.js";

// The door: what a program passes is checked here, so that nothing behind it has to be.

const mostInt32 = 0x7fffffff;

/**
 * Neither a list nor what is made of characters or bytes: each of them would be a key of its own. Nor a revoked proxy,
 * which cannot even be asked.
 */
function isRecord(value: unknown): value is object {
  return (
    typeof value === "object" &&
    value !== null &&
    !isRevoked(value) &&
    !Array.isArray(value) &&
    !ArrayBuffer.isView(value) &&
    !types.isBoxedPrimitive(value)
  );
}

/** Refuses what is no options object, and options that do not exist: a misspelt one would be silently without effect. */
export function checkOptions(options: unknown, names: ReadonlySet<string>): void {
  if (options === undefined) return;
  if (!isRecord(options)) throw typeError("options", "an object", options);
  for (const name of Object.keys(options)) {
    if (!names.has(name)) throw unknownError(`options.${shortened(name)}`, names);
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
  checkInteger("options.keepAlive", value, leastProbing, mostProbing);
  return value;
}

// The kernels count keep-alive in seconds, and take them up to different limits. Linux's are the narrowest: 32767 s
// and 127 probes.
const leastProbing = 1000;
const mostProbing = 32_767_000;
const mostProbes = 127;

/** Milliseconds between keep-alive's probes; 0, the fallback: as the OS has it. */
export function keepAliveIntervalOf(name: string, value: unknown): number {
  return integerOf(name, value, 0, leastProbing, mostProbing);
}

/** How many probes keep-alive sends; 0, the fallback: as the OS has it. */
export function keepAliveCountOf(name: string, value: unknown): number {
  return integerOf(name, value, 0, 1, mostProbes);
}

/** Milliseconds that sent bytes may stay unacknowledged; 0: as the OS has it. */
export function userTimeoutOf(name: string, value: unknown): number {
  return integerOf(name, value, 0, 0);
}

/** What `setKeepAlive()` is called with, as the engine takes it. Whatever comes with false does not matter. */
export function keepAliveSettings(
  on: unknown,
  delay: unknown,
  interval: unknown,
  count: unknown,
): [delay: number, interval: number, count: number] {
  checkBoolean("on", on);
  if (!on) return [0, 0, 0];
  // As in Node, 0 is the OS's own.
  if (delay !== undefined && delay !== 0) checkInteger("delay", delay, leastProbing, mostProbing);
  return [delay || -1, keepAliveIntervalOf("interval", interval), keepAliveCountOf("count", count)];
}

/** 0 for both families. */
export function familyOptionOf(value: unknown): 0 | 4 | 6 {
  if (value === undefined) return 0;
  if (value !== 0 && value !== 4 && value !== 6)
    throw valueError("options.family", "must be 0, 4 or 6", value);
  return value;
}

export function lookupOf(value: unknown): LookupFunction | undefined {
  if (value !== undefined && typeof value !== "function")
    throw typeError("options.lookup", "a function like Node's dns.lookup", value);
  return value as LookupFunction | undefined;
}

const largestReceive = 65536;

export function checkReceiveSize(value: unknown): number {
  return integerOf("options.size", value, largestReceive, 1, largestReceive);
}

/** Handlers are functions, or absent; unknown ones are refused as unknown options are. */
export function checkHandlers(handlers: unknown, names: ReadonlySet<string>): void {
  if (handlers === undefined) return;
  if (!isRecord(handlers)) throw typeError("handlers", "an object of functions", handlers);
  for (const name of names) {
    const handler = (handlers as Record<string, unknown>)[name];
    if (handler !== undefined && typeof handler !== "function") {
      throw typeError(`handlers.${name}`, "a function", handler);
    }
  }
  for (const name of Object.keys(handlers)) {
    if (!names.has(name) && typeof (handlers as Record<string, unknown>)[name] === "function") {
      throw unknownError(`handlers.${shortened(name)}`, names);
    }
  }
}
