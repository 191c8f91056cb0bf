import { types } from "node:util";

/** Everything a program can get hold of from somewhere, with the way to it. */
export type Reachable = Map<object, string>;

type Key = string | symbol;

/**
 * Follows all that ordinary JavaScript can follow: own and inherited properties, symbols, getters (on the object that
 * was found, not on the prototype), prototypes, constructors, what maps, sets and weak references hold, the memory
 * behind views. What the language and Node bring themselves is not followed, nor is what `skip` holds.
 */
export function reachable(
  roots: Record<string, unknown>,
  skip: ReadonlySet<unknown>,
  limit = 20_000,
): Reachable {
  const found: Reachable = new Map();
  const queue: [unknown, string][] = Object.entries(roots).map(([name, root]) => [root, name]);
  for (let next = queue.shift(); next && found.size < limit; next = queue.shift()) {
    const [value, path] = next;
    if (!isObject(value) || found.has(value) || skip.has(value) || intrinsics.has(value)) continue;
    found.set(value, path);
    for (const [key, neighbour] of neighbours(value)) queue.push([neighbour, `${path}${key}`]);
  }
  return found;
}

export function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

function* neighbours(object: object): Generator<[string, unknown]> {
  if (types.isProxy(object)) return;
  if (types.isMap(object) || types.isSet(object)) yield* held(object);
  if (object instanceof WeakRef) yield [".deref()", object.deref()];
  for (
    let owner: object | null = object;
    owner && !intrinsics.has(owner);
    owner = Reflect.getPrototypeOf(owner)
  ) {
    if (owner !== object) yield [".__proto__", owner];
    // Of a view the memory, and not every byte.
    const keys = types.isTypedArray(owner) ? Reflect.ownKeys(owner).filter(isNamed) : Reflect.ownKeys(owner);
    for (const key of keys) yield* property(object, owner, key);
  }
  if (ArrayBuffer.isView(object)) yield [".buffer", object.buffer];
}

function* held(collection: Map<unknown, unknown> | Set<unknown>): Generator<[string, unknown]> {
  let index = 0;
  for (const entry of collection) {
    if (types.isMap(collection)) {
      yield [`.key(${index})`, (entry as [unknown, unknown])[0]];
      yield [`.value(${index++})`, (entry as [unknown, unknown])[1]];
    } else yield [`.entry(${index++})`, entry];
  }
}

function* property(object: object, owner: object, key: Key): Generator<[string, unknown]> {
  const descriptor = Reflect.getOwnPropertyDescriptor(owner, key);
  if (!descriptor) return;
  const name = typeof key === "symbol" ? `[${String(key)}]` : `.${key}`;
  if ("value" in descriptor) {
    yield [name, descriptor.value];
    return;
  }
  yield [`${name}{get}`, descriptor.get];
  yield [`${name}{set}`, descriptor.set];
  try {
    yield [name, Reflect.get(owner, key, object)];
  } catch {
    // a getter of a class, called on its prototype
  }
}

const isNamed = (key: Key) => typeof key === "symbol" || !/^\d+$/.test(key);

/** What every program has anyway: the language's own objects, and Node's globals. */
const intrinsics: ReadonlySet<unknown> = collectIntrinsics();

/** A signal, and how Node keeps who listens to it: its class does sums with whatever an attacker puts there. */
function heardSignal(): unknown[] {
  const { signal } = new AbortController();
  signal.addEventListener("abort", () => {});
  const listeners = Reflect.ownKeys(signal).map((key): unknown => Reflect.get(signal, key));
  const [{ next }] = listeners.filter(types.isMap).flatMap((map) => [...map.values()]) as [{ next: unknown }];
  return [signal, next];
}

function collectIntrinsics(): Set<unknown> {
  const set = new Set<unknown>([globalThis, process]);
  const roots: unknown[] = [
    (function* () {})(),
    (async function* () {})(),
    (async () => {})(),
    async () => {},
    function* () {},
    async function* () {},
    new Map().entries(),
    new Set().entries(),
    [].entries(),
    "".matchAll(/x/g),
    Object.getPrototypeOf(Uint8Array),
    ...heardSignal(),
  ];
  for (const name of Reflect.ownKeys(globalThis)) {
    if (typeof name === "string" && !/^(local|session)Storage$/.test(name))
      roots.push(Reflect.get(globalThis, name));
  }
  const add = (value: unknown) => {
    if (!isObject(value) || set.has(value)) return;
    set.add(value);
    add(Reflect.getPrototypeOf(value));
    for (const key of ["prototype", "constructor"]) {
      const descriptor = Reflect.getOwnPropertyDescriptor(value, key);
      if (descriptor && "value" in descriptor) add(descriptor.value);
    }
  };
  for (const root of roots) add(root);
  // Their methods and accessors.
  for (const value of [...set] as object[]) {
    if (value === globalThis || value === process) continue;
    for (const key of Reflect.ownKeys(value)) {
      const descriptor = Reflect.getOwnPropertyDescriptor(value, key);
      for (const part of [descriptor?.value, descriptor?.get, descriptor?.set])
        if (typeof part === "function") set.add(part);
    }
  }
  return set;
}
