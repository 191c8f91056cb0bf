import {
  CompletionPort,
  connect,
  listen,
  Operation,
  PortsideError,
  TcpListener,
  TcpSocket,
} from "../../../src/index.js";
import type { Arena } from "../arena.js";
import { turn } from "../clock.js";

const listenOptions = [
  ...[
    "host",
    "port",
    "backlog",
    "ipv6Only",
    "reusePort",
    "noDelay",
    "keepAlive",
    "receiveBufferSize",
    "borrow",
  ],
  ...[
    "sendBufferSize",
    "unbufferedSends",
    "highWaterMark",
    "completionPort",
    "signal",
    "acceptData",
    "family",
  ],
];
const connectOptions = [
  ...["host", "port", "family", "localAddress", "localPort", "timeout", "attemptDelay", "signal", "borrow"],
  ...["noDelay", "keepAlive", "highWaterMark", "completionPort"],
];
const handlers = ["open", "data", "drain", "end", "error", "close", "shortage", "idle"];

/** Every public function and method, with what no program should pass. */
export async function hostileArguments(arena: Arena): Promise<void> {
  const { random } = arena;
  const targets = [await arena.socket(), await arena.listener(), arena.operation(), arena.ownPort()];
  for (let calls = 0; calls < 30; calls++) random.pick(doors)(arena, random.pick(targets));
  await turn();
}

type Door = (arena: Arena, target: object) => unknown;

const doors: readonly Door[] = [
  (arena, target) => method(arena, target),
  (arena, target) => method(arena, target),
  (arena, target) => method(arena, target),
  (arena, target) => accessor(arena, target),
  (arena) => arena.attempt("listen", () => listen(localized(arena, listenOptions), hostileHandlers(arena))),
  (arena) =>
    arena.attempt("connect", () => connect(localized(arena, connectOptions), hostileHandlers(arena))),
  (arena) => arena.attempt("listen", () => listen(...(arena.hostile.values(2) as [never]))),
  (arena) => arena.attempt("connect", () => connect(...(arena.hostile.values(2) as [never]))),
  (arena) => arena.attempt("post", () => CompletionPort.post(...(arena.hostile.values(2) as [never, never]))),
  (arena) =>
    arena.attempt(
      "new port",
      () => new CompletionPort(arena.hostile.object(["backend", "waker", "batch", "polls"])),
    ),
  (arena) => construct(arena),
];

function method(arena: Arena, target: object): void {
  const names = Object.getOwnPropertyNames(Object.getPrototypeOf(target));
  const name = arena.random.pick(names);
  const value = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(target), name)?.value;
  if (name === "constructor" || typeof value !== "function") return;
  if (target instanceof Operation && name in submissions) {
    arena.submit(target, name as keyof typeof submissions, ...arena.hostile.values());
    return;
  }
  arena.attempt(name, () => value.apply(target, arena.hostile.values()));
}

const submissions = { recv: true, send: true, accept: true, timer: true };

function accessor(arena: Arena, target: object): void {
  const own = Object.getOwnPropertyDescriptors(Object.getPrototypeOf(target));
  for (const name of Object.keys(own)) arena.attempt(name, () => (target as Record<string, unknown>)[name]);
  arena.attempt("set", () =>
    Object.assign(target, arena.hostile.object(["data", "index", "style", "closed"])),
  );
}

// To this machine only, and mostly to what is there.
function localized(arena: Arena, names: readonly string[]): never {
  const options = arena.hostile.object(names);
  const has = (name: string) => Object.getOwnPropertyDescriptor(options, name) !== undefined;
  return arena.attempt("options", () => {
    if (!has("host") || arena.random.chance(0.5)) define(options, "host", "127.0.0.1");
    if (names.includes("family") && arena.random.chance(0.7)) {
      const listener = arena.listeners[0];
      if (listener) define(options, "port", listener.address.port);
    }
    if (!has("completionPort") || arena.random.chance(0.5)) define(options, "completionPort", arena.port());
    return options;
  }) as never;
}

function define(object: object, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true });
}

function hostileHandlers(arena: Arena): never {
  if (arena.random.chance(0.3)) return undefined as never;
  if (arena.random.chance(0.2)) return arena.hostile.value() as never;
  const object: Record<string, unknown> = {};
  for (const name of handlers)
    if (arena.random.chance(0.6))
      object[name] = arena.random.chance(0.9) ? arena.hostile.callback() : arena.hostile.value();
  return (arena.random.chance(0.2) ? arena.hostile.trap(object) : object) as never;
}

function construct(arena: Arena): void {
  const { random, hostile } = arena;
  const type = random.pick([TcpSocket, TcpListener, Operation, PortsideError, CompletionPort]);
  const args = random.chance(0.5) ? hostile.values(6) : [arena.ownPort(), ...hostile.values(5)];
  if (type === CompletionPort && arena.ports.length > 6) return;
  const made = arena.attempt("construct", () =>
    Reflect.construct(type, args, random.chance(0.2) ? (hostile.callback() as never) : type),
  );
  if (typeof made !== "object" || made === null || made instanceof CompletionPort) return;
  for (let calls = 0; calls < 5; calls++) method(arena, made);
}
