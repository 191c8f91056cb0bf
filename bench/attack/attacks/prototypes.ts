import type { Arena } from "../arena.js";
import { sleep } from "../clock.js";
import { lose } from "../hostile.js";
import { hostileArguments } from "./arguments.js";
import { lostBuffers } from "./buffers.js";
import { hostileHandlers } from "./handlers.js";

type Callable = (this: unknown, ...args: unknown[]) => unknown;

const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as object;

const patched: readonly [object, readonly (string | symbol)[]][] = [
  [Array.prototype, ["push", "pop", "shift", "concat", "map", "slice", Symbol.iterator]],
  [Map.prototype, ["get", "set", "delete"]],
  [Set.prototype, ["add", "has", "delete"]],
  [WeakMap.prototype, ["get", "set"]],
  [typedArray, ["set", "subarray", "slice", "fill", "buffer", "byteLength", "byteOffset", "length"]],
  [Buffer.prototype, ["write", "utf8Write"]],
  [Promise.prototype, ["then"]],
  [Function.prototype, ["call", "apply", "bind"]],
];

/**
 * Methods of the language itself are replaced by ones that look at what they get, and take its memory away. Whoever does
 * that has broken his own program: no byte is promised to him, but the process lives.
 */
export async function patchedPrototypes(arena: Arena): Promise<void> {
  const undo = patched.flatMap(([owner, names]) =>
    names.filter(() => arena.random.chance(0.3)).map((name) => patch(arena, owner, name)),
  );
  try {
    const attack = arena.random.pick([hostileArguments, lostBuffers, hostileHandlers]);
    await Promise.race([Promise.resolve(attack(arena)).catch(() => {}), sleep(300)]);
  } finally {
    for (const restore of undo) restore();
  }
}

function patch(arena: Arena, owner: object, name: string | symbol): () => void {
  const before = Object.getOwnPropertyDescriptor(owner, name);
  if (!before) return () => {};
  let inside = false;
  const spying = (original: Callable): Callable =>
    function (...args) {
      if (inside) return Reflect.apply(original, this, args);
      inside = true;
      try {
        if (arena.random.chance(0.1) && calledByTheEngine()) spy(arena, this, args);
      } finally {
        inside = false;
      }
      return Reflect.apply(original, this, args);
    };
  const after = { ...before };
  if (before.get) after.get = spying(before.get as Callable);
  else after.value = spying(before.value as Callable);
  Object.defineProperty(owner, name, after);
  return () => Object.defineProperty(owner, name, before);
}

const sources = new URL("../../../src/", import.meta.url).href;

// Node's own memory is left alone: the first frames are this function's and its caller's.
function calledByTheEngine(): boolean {
  return new Error().stack?.split("\n")[3]?.includes(sources) ?? false;
}

function spy(arena: Arena, receiver: unknown, args: readonly unknown[]): void {
  arena.detail("calls overheard");
  for (const value of [receiver, ...args]) {
    if (ArrayBuffer.isView(value)) lose(value);
    else if (typeof value === "object" && value !== null) arena.random.pick(meddling)(value);
  }
}

const meddling: readonly ((value: object) => void)[] = [
  (value) => void Reflect.ownKeys(value).length,
  (value) => {
    if (value instanceof ArrayBuffer) lose(new Uint8Array(value));
  },
];
