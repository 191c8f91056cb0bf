import { connect, type SocketHandlers, type TcpSocket } from "../../../src/index.js";
import type { Arena } from "../arena.js";
import { within } from "../clock.js";
import { lose } from "../hostile.js";
import { AttackError } from "../ledger.js";

const names = ["open", "data", "drain", "end", "error", "close", "shortage"] as const;

/** Push-style connections whose handlers throw, call back in, and do with their chunk what they like. */
export async function hostileHandlers(arena: Arena): Promise<void> {
  const { random } = arena;
  const borrow = random.chance(0.5);
  const completionPort = arena.port();
  const options = { borrow, completionPort, highWaterMark: random.pick([1, 1000, 65_536]) };
  const listener = await arena.listener(handlers(arena), options);
  const connecting = Array.from({ length: random.integer(1, 8) }, async () => {
    const style = random.chance(0.5) ? handlers(arena) : undefined;
    const socket = await connect({ host: "127.0.0.1", port: listener.address.port, ...options }, style);
    arena.keep(socket);
    for (let writes = random.integer(0, 6); writes > 0; writes--)
      arena.call(socket, "write", arena.hostile.view());
    if (random.chance(0.3)) arena.call(socket, random.pick(["close", "reset", "shutdown"]));
  });
  await within(Promise.allSettled(connecting), 500);
  if (random.chance(0.5)) arena.call(listener, "close");
}

function handlers(arena: Arena): SocketHandlers {
  const object: Record<string, (...args: never[]) => unknown> = {};
  for (const name of names) {
    if (arena.random.chance(0.3)) continue;
    object[name] = (socket: TcpSocket, chunk?: unknown) => {
      arena.board.step();
      arena.keep(socket);
      if (chunk instanceof Uint8Array) use(arena, socket, chunk);
      arena.random.pick(behaviours)(arena, socket);
    };
  }
  return arena.random.chance(0.15) ? (arena.hostile.trap(object) as SocketHandlers) : object;
}

function use(arena: Arena, socket: TcpSocket, chunk: Uint8Array): void {
  arena.inspect(chunk, "an attacker's handler");
  // Two ends that answer each other would do nothing else.
  if (arena.random.chance(0.4)) arena.call(socket, "write", chunk);
  if (arena.random.chance(0.2)) arena.call(socket, "write", [chunk, chunk.subarray(1), "more"]);
  if (arena.random.chance(0.3)) lose(chunk);
}

type Behaviour = (arena: Arena, socket: TcpSocket) => unknown;

const behaviours: readonly Behaviour[] = [
  () => {},
  () => {
    throw new AttackError();
  },
  () => Promise.reject(new AttackError()),
  (arena) => arena.mischief(),
  (arena, socket) => arena.call(socket, "close"),
  (arena, socket) => arena.call(socket, "reset"),
  (arena, socket) => arena.call(arena.call(socket, "pause") as object, "resume"),
  (arena, socket) => {
    arena.call(socket, "pause");
    arena.random.later(() => arena.call(socket, "resume"));
  },
  (arena, socket) => arena.call(socket, "write", "B".repeat(arena.random.pick([1, 100, 10_000]))),
  (arena, socket) => arena.call(socket, "shutdown"),
  (arena) => arena.call(arena.random.pick(arena.sockets), "write", "another's"),
  (arena) => arena.call(arena.random.pick(arena.sockets), "close"),
  (arena) => arena.call(arena.ownPort(), "close"),
  (arena) => arena.attempt("listener", () => arena.listener()),
];
