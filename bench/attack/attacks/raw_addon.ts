import { createRequire } from "node:module";
import { types } from "node:util";
import { addonCandidates } from "../../../platforms/rooms.js";
import type { Arena } from "../arena.js";
import { sleep } from "../clock.js";
import { isObject, reachable } from "../reachable.js";

type Callable = (...args: unknown[]) => unknown;

const require = createRequire(import.meta.url);
let addon: Record<string, unknown> | undefined;
const opened: object[] = [];
/** What calls have answered: memory, above all. */
const answers: object[] = [];
const mostAnswers = 40;

/** The native part, loaded by its path, as no program should: the engines of others in the process do not suffer. */
export async function rawAddon(arena: Arena): Promise<void> {
  const { random, hostile, board } = arena;
  addon ??= load();
  open(arena, addon);
  const found = reachable({ addon, ...Object.fromEntries(opened.entries()) }, arena.forbidden, 500);
  const objects = [...found.keys()];
  const functions = objects.filter((value) => typeof value === "function") as unknown as Callable[];
  for (let calls = 0; calls < 100; calls++) {
    const target = random.pick(functions);
    // For tests of shortage: the whole process then is short, victims and all.
    if (target.name === "limitSockets" || target.name === "refuseRequests") continue;
    const receiver = random.chance(0.9) && opened.length > 0 ? random.pick(opened) : hostile.value();
    const args = Array.from({ length: random.integer(0, 6) }, () => argument(arena, objects));
    board.begin(3, `${found.get(target)}(${args.map(shown).join(", ")})`);
    remember(arena.attempt("native call", () => Reflect.apply(target, receiver, args)));
    arena.detail("native calls");
    if (random.chance(0.05)) for (const memory of memoriesIn(answers)) scribble(arena, memory);
  }
  for (const memory of memoriesIn([...objects, ...answers])) scribble(arena, memory);
  board.begin(3, "");
  await sleep(random.integer(0, 3));
  while (opened.length > 6) arena.call(opened.shift() as object, "close");
}

/** Ports of one's own end with the round. */
export function closeRawPorts(arena: Arena): void {
  for (const port of opened.splice(0)) arena.call(port, "close");
}

function load(): Record<string, unknown> {
  for (const path of addonCandidates()) {
    try {
      return require(path) as Record<string, unknown>;
    } catch {
      // the next one
    }
  }
  throw new Error("there is no addon");
}

function open(arena: Arena, { Port, backends, layout }: Record<string, unknown>): void {
  const { random, hostile } = arena;
  const act = () => arena.mischief();
  const backend = random.chance(0.8) ? (backends as string[])[0] : hostile.value();
  const sizes = () => (random.chance(0.6) ? random.pick([1, 2, 64]) : hostile.number());
  const memory = () =>
    new ArrayBuffer(random.pick([0, 1, 65_536, (layout as { receiveSpaceSize: number }).receiveSpaceSize]));
  const honest = {
    backend,
    loop: random.chance(0.5),
    batch: sizes(),
    polls: sizes(),
    ...(random.chance(0.3) && { received: random.chance(0.7) ? memory() : hostile.value() }),
  };
  remember(honest);
  const options = random.chance(0.8)
    ? honest
    : hostile.object(["backend", "loop", "batch", "polls", "received"]);
  const args = random.chance(0.8) ? [options, act, act] : [options, ...hostile.values(5)];
  const port = arena.attempt("native port", () => Reflect.construct(Port as Callable, args));
  if (isObject(port)) opened.push(port);
}

function remember(answer: unknown): void {
  if (!isObject(answer) || types.isProxy(answer) || ArrayBuffer.isView(answer)) return;
  answers.push(answer);
  if (answers.length > mostAnswers) answers.shift();
}

/** All memory that is there, whole: as it is, behind a view, or in what a call has answered. */
function memoriesIn(objects: readonly object[]): Set<ArrayBufferLike> {
  const memories = new Set<ArrayBufferLike>();
  for (const object of objects) {
    if (types.isProxy(object)) continue;
    for (const part of [object, ...Object.values(Object.getOwnPropertyDescriptors(object)).map(valueIn)]) {
      const memory: unknown = ArrayBuffer.isView(part) ? part.buffer : part;
      if (types.isArrayBuffer(memory) && memory.byteLength > 3) memories.add(memory);
    }
  }
  return memories;
}

const valueIn = ({ value }: PropertyDescriptor): unknown => value;

function argument({ random, hostile }: Arena, objects: readonly object[]): unknown {
  if (answers.length > 0 && random.chance(0.1)) return random.pick(answers);
  const kind = random.next();
  if (kind < 0.35) return random.integer(0, 8);
  if (kind < 0.6) return hostile.number();
  if (kind < 0.7) return random.pick(objects);
  if (kind < 0.8) return hostile.view();
  if (kind < 0.9) return addressed(random.integer(0, 65_535), hostile);
  return hostile.value();
}

const names = ["backlog", "localAddress", "localPort", "keepAlive", "acceptTimeout", "acceptHighWaterMark"];

// The getters shall run when they are read by the other side.
function addressed(port: number, hostile: Arena["hostile"]): object {
  const options = hostile.object(names);
  return Object.create(options, {
    address: { value: "127.0.0.1" },
    port: { value: port },
    backlog: { value: hostile.number() },
  });
}

function shown(value: unknown): string {
  return typeof value === "number" ? String(value) : typeof value;
}

/** Whatever memory the native part shows may be written to, and taken away. */
function scribble(arena: Arena, memory: ArrayBufferLike): void {
  const { random, hostile } = arena;
  const words = new Int32Array(memory, 0, memory.byteLength >> 2);
  for (let count = 0; count < 30; count++) {
    const most = random.chance(0.5) ? 16 : words.length;
    words[random.integer(0, Math.min(most, words.length) - 1)] = hostile.number();
  }
  arena.ledger.count("native memory written");
  if (random.chance(0.1)) {
    try {
      structuredClone(memory, { transfer: [memory as ArrayBuffer] });
    } catch {
      // it resists
    }
  }
}
