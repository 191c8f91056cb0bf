import { types } from "node:util";
import { CompletionPort, connect, listen } from "../../../src/index.js";
import type { Arena } from "../arena.js";
import { sleep } from "../clock.js";
import { isObject, reachable } from "../reachable.js";

type Callable = (...args: unknown[]) => unknown;

/** Calls, constructs and overwrites everything that can be reached from what an attacker holds. */
export async function walk(arena: Arena): Promise<void> {
  const { random } = arena;
  const roots = await holdings(arena);
  const found = reachable(roots, arena.forbidden, 2000);
  const objects = [...found.keys()];
  const functions = objects.filter((value) => typeof value === "function") as unknown as Callable[];
  arena.ledger.count("objects reached", objects.length);
  for (let calls = 0; calls < 150; calls++) {
    const target = random.pick(functions);
    arena.refresh();
    arena.board.begin(3, `${found.get(target)} (called)`);
    const receiver = random.chance(0.6) ? random.pick(objects) : arena.hostile.value();
    const args = Array.from({ length: random.integer(0, 7) }, () =>
      random.chance(0.4)
        ? random.pick(objects)
        : random.chance(0.5)
          ? arena.hostile.number()
          : arena.hostile.value(),
    );
    if (isThePublicWayToVictims(arena, target, receiver) || makesViews(target)) continue;
    if (random.chance(0.1)) arena.attempt("construct", () => Reflect.construct(target, args));
    else arena.attempt("walked", () => Reflect.apply(target, receiver, args));
  }
  // What Node keeps for itself under such symbols is Node's to protect.
  overwrite(
    arena,
    [...found].filter(([, path]) => !path.includes("[Symbol(k")),
  );
  arena.board.begin(3, "");
  await sleep(1);
}

async function holdings(arena: Arena): Promise<Record<string, unknown>> {
  const { signal } = new AbortController();
  // Nobody else gets to know them before they are complete.
  const port = new CompletionPort();
  const options = { host: "127.0.0.1", completionPort: port, signal };
  const listener = await listen(options);
  const socket = await connect({ ...options, port: listener.address.port });
  const accepted = await listener.accept();
  const receiving = accepted.recv({ signal });
  arena.attempt("recv", () => receiving);
  const pushing = await listen({ ...options }, { data: () => {} });
  const operation = port.operation(() => void arena.mischief()); // whatever is called on it, nobody counts
  operation.timer(1);
  await socket.send("H");
  const error = await socket.recv({ size: -1 }).catch((reason: unknown) => reason);
  const chunk = await receiving;
  for (const own of [port, listener, socket, accepted, pushing]) arena.keep(own);
  return { port, listener, socket, accepted, pushing, operation, error, chunk, signal };
}

// CompletionPort.default is everybody's, and so is what a method of it is called on.
function isThePublicWayToVictims(arena: Arena, target: Callable, receiver: unknown): boolean {
  return arena.forbidden.has(receiver) || arena.forbidden.has(target);
}

/** An attacker's own class of views: made of an endless list, one is the language's work and nobody else's. */
function makesViews(target: Callable): boolean {
  return Object.prototype.isPrototypeOf.call(Object.getPrototypeOf(Uint8Array), target);
}

/** On instances only: who changes a class changes it for everybody. */
function overwrite(arena: Arena, objects: readonly [object, string][]): void {
  const { random, hostile } = arena;
  for (let count = 0; count < 40; count++) {
    const [target, path] = random.pick(objects);
    if (typeof target === "function") continue;
    arena.board.begin(3, `${path} (overwritten)`);
    if (ArrayBuffer.isView(target)) scribble(arena, target);
    arena.attempt("overwrite", () => {
      if (Object.hasOwn(target, "constructor")) return;
      const keys = Reflect.ownKeys(target);
      const key = keys.length > 0 ? random.pick(keys) : "data";
      if (!isObject(Reflect.get(target, key)) || random.chance(0.3))
        Reflect.set(target, key, isNumber(key) ? hostile.number() : hostile.value());
    });
    if (random.chance(0.1))
      arena.attempt("freeze", () => Object.hasOwn(target, "constructor") || Object.freeze(target));
  }
}

/** Whether the language makes a number of what is put there: of an endless list it would for ever. */
function isNumber(key: string | symbol): boolean {
  return typeof key === "string" && /^(length|\d+)$/.test(key);
}

function scribble(arena: Arena, view: ArrayBufferView): void {
  arena.attempt("scribble", () => {
    const { buffer } = view;
    if (!types.isAnyArrayBuffer(buffer)) return; // an attacker's list, which may be endless
    const bytes = new Int32Array(buffer, 0, buffer.byteLength >> 2);
    for (let count = 0; count < 20; count++)
      bytes[arena.random.integer(0, Math.min(bytes.length, 4096) - 1)] = arena.hostile.number();
  });
}
