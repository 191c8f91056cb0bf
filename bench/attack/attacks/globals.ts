import { CompletionPort, connect, listen } from "../../../src/index.js";
import type { Arena } from "../arena.js";
import { mostVictims } from "../board.js";
import { sleep, within } from "../clock.js";

type Names = readonly string[];

const clocks: readonly [object, Names][] = [
  [
    globalThis,
    ["setTimeout", "setInterval", "setImmediate", "clearTimeout", "clearImmediate", "queueMicrotask"],
  ],
  [process, ["nextTick", "hrtime"]],
  [performance, ["now"]],
  [Date, ["now"]],
  [globalThis, ["Date"]],
];

/** Fake timers and their like: what replaces the clocks never calls. Everything goes on, and ports open and close. */
export async function deadGlobals(arena: Arena): Promise<void> {
  const restore = replace(arena);
  try {
    if (!(await within(exercise(arena), 20_000)))
      arena.ledger.fault("nothing moves while the clocks stand still");
    await advance(arena);
  } finally {
    restore();
  }
}

function replace({ random }: Arena): () => void {
  const undo: (() => void)[] = [];
  for (const [owner, names] of clocks) {
    for (const name of names) {
      if (random.chance(0.3)) continue;
      const before = Object.getOwnPropertyDescriptor(owner, name);
      const dead = name === "Date" || name === "now" ? () => 0 : () => undefined;
      Object.defineProperty(owner, name, { value: dead, configurable: true, writable: true });
      undo.push(() => {
        if (before) Object.defineProperty(owner, name, before);
        else delete (owner as Record<string, unknown>)[name];
      });
    }
  }
  return () => {
    for (const restore of undo) restore();
  };
}

async function exercise(arena: Arena): Promise<void> {
  const completionPort = arena.random.chance(0.5) ? arena.keep(new CompletionPort()) : CompletionPort.default;
  const listener = arena.keep(await listen({ host: "127.0.0.1", completionPort }));
  const options = { host: "127.0.0.1", port: listener.address.port, completionPort, timeout: 20_000 };
  const [near, far] = await Promise.all([connect(options), listener.accept()]);
  arena.keep(near);
  arena.keep(far);
  await near.send("still there");
  await far.recv();
  await new Promise<void>((resolve) => {
    completionPort.operation(() => resolve()).timer(5);
  });
  const packet = new Promise<void>((resolve) => {
    completionPort.on("posted", () => resolve());
  });
  completionPort.post("packet");
  await packet;
  await Promise.all([near.close(), far.reset(), listener.close()]);
  if (completionPort !== CompletionPort.default) await completionPort.close();
}

/** Every victim has to move. */
async function advance({ board, ledger }: Arena): Promise<void> {
  const victims = Array.from({ length: mostVictims }, (_, victim) => victim);
  const before = victims.map((victim) => board.echoes(victim));
  const still = () =>
    victims.filter((victim) => before[victim] !== 0 && board.echoes(victim) === before[victim]);
  for (let waits = 0; waits < 400 && still().length > 0; waits++) await sleep(50);
  for (const victim of still()) ledger.fault(`victim ${victim} stands still while the clocks do`);
}
