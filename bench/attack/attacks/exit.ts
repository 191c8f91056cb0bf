import { CompletionPort } from "../../../src/index.js";
import type { Arena } from "../arena.js";
import { sleep, turn } from "../clock.js";
import { hostileHandlers } from "./handlers.js";

export const exitCode = 37;

/** process.exit() under load, from wherever it is called. */
export async function exitUnderLoad(arena: Arena): Promise<void> {
  const { random } = arena;
  const exit = () => process.exit(exitCode);
  for (let rounds = random.integer(1, 4); rounds > 0; rounds--) await hostileHandlers(arena);
  await sleep(random.integer(0, 50));
  random.pick<() => unknown>([
    exit,
    () => setImmediate(exit),
    () => process.nextTick(exit),
    () => queueMicrotask(exit),
    () => leaveAt(arena, exit),
    () => CompletionPort.default.on("posted", exit).post("leave"),
    () =>
      arena.call(arena.random.pick(arena.sockets), "write", Object.defineProperty([0], "0", { get: exit })),
  ])();
  for (;;) {
    await turn();
    leaveAt(arena, exit);
  }
}

function leaveAt(arena: Arena, exit: () => never): void {
  CompletionPort.default.operation(exit).timer(arena.random.integer(0, 3));
}
