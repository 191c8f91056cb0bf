// The language's own functions, taken at load and called without looking anything up. What an object says of itself may be
// a lie (an own `byteLength`, a subclass with a getter), and whoever replaces a built-in later must not get to see the
// engine's memory as its `this` or its argument: these tell the truth, and run nobody's code.

import { Buffer } from "node:buffer";

type Method<This, Args extends unknown[], Result> = (this: This, ...args: Args) => Result;

/** A method as a function of its `this`. */
export const uncurry = Function.prototype.bind.bind(Function.prototype.call) as <
  This,
  Args extends unknown[],
  Result,
>(
  method: Method<This, Args, Result>,
) => (self: This, ...args: Args) => Result;

function getterOf<Value>(prototype: object, name: string): (of: ArrayBufferView) => Value {
  const { get } = Object.getOwnPropertyDescriptor(prototype, name) as { get: () => Value };
  return uncurry(get as Method<ArrayBufferView, [], Value>);
}

interface ViewGetters {
  length: (of: ArrayBufferView) => number;
  offset: (of: ArrayBufferView) => number;
  buffer: (of: ArrayBufferView) => ArrayBuffer;
}

function gettersOf(prototype: object): ViewGetters {
  return {
    length: getterOf<number>(prototype, "byteLength"),
    offset: getterOf<number>(prototype, "byteOffset"),
    buffer: getterOf<ArrayBuffer>(prototype, "buffer"),
  };
}

export const { hasOwn } = Object;
const { setPrototypeOf } = Object;

const { isArray } = Array;
/** A proxy that was revoked throws whatever is asked of it, even whether it is a list. */
export function isRevoked(value: unknown): boolean {
  try {
    isArray(value);
    return false;
  } catch {
    return true;
  }
}

/**
 * A list that is the engine's alone: nothing is inherited, neither a replaced method that would get to see the list, nor
 * a setter of an index that would keep what is put there.
 */
export function ownList<T>(...values: T[]): T[] {
  return setPrototypeOf(values, null) as T[];
}

export const eachOf = uncurry(Set.prototype.forEach) as <T>(set: Set<T>, visit: (value: T) => void) => void;
export const addTo = uncurry(Set.prototype.add) as <T>(set: Set<T>, value: T) => Set<T>;
export const deleteFrom = uncurry(Set.prototype.delete) as <T>(set: Set<T>, value: T) => boolean;

/** The classes themselves, too: a program may put its own in their place. */
export const Words32 = Int32Array;
export const BytesOf = Uint8Array;

const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array;
export const ofTypedArray: ViewGetters = gettersOf(typedArray);
export const ofDataView: ViewGetters = gettersOf(DataView.prototype);

/** The class that a view really is of; undefined for what is none. */
export const tagOf = uncurry(
  Object.getOwnPropertyDescriptor(typedArray, Symbol.toStringTag)?.get as Method<object, [], string>,
);
export const setBytes = uncurry(
  typedArray.set as Method<Uint8Array, [bytes: ArrayLike<number>, at: number], void>,
);

type WriteText = Method<Uint8Array, [text: string, at: number, length: number], number>;
// What Buffer.prototype.write calls for UTF-8; its types leave it out.
const { utf8Write } = Buffer.prototype as unknown as { utf8Write: WriteText };
export const writeText = uncurry(utf8Write);

/** A Buffer over memory, which is what {@link writeText} writes to. */
export const bufferOver = Buffer.from as (memory: ArrayBuffer, at: number, length: number) => Uint8Array;

/** Memory that is not zeroed: it is filled at once. */
export const allocateUnsafe: (bytes: number) => Uint8Array<ArrayBuffer> = Buffer.allocUnsafeSlow;
