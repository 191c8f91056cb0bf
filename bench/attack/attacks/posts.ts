import { CompletionPort } from "../../../src/index.js";
import type { Arena } from "../arena.js";
import { sleep } from "../clock.js";
import { AttackError } from "../ledger.js";

/** Garbage by post, and in between packets that must all arrive, once and in order. */
export async function posts(arena: Arena): Promise<void> {
  const { random } = arena;
  const port = arena.keep(new CompletionPort({ batch: random.pick([1, 64]) }));
  const got: number[] = [];
  port.on("posted", (value) => {
    const number = (value as { number?: unknown } | null)?.number;
    if (typeof number === "number") got.push(number);
    else if (random.chance(0.1)) throw new AttackError();
  });
  if (random.chance(0.3)) port.on("posted", () => void arena.mischief());
  let sent = 0;
  for (let count = random.pick([10, 100, 1000]); count > 0; count--) {
    if (random.chance(0.8)) post(port, { number: sent++ });
    else
      arena.attempt("post", () =>
        CompletionPort.post(random.chance(0.7) ? port.id : id(arena), garbage(arena)),
      );
  }
  for (let waits = 0; waits < 100 && got.length < sent && !port.closed; waits++) await sleep(waits);
  if (!port.closed && got.length < sent)
    arena.ledger.fault(`${sent} packets were posted, ${got.length} arrived`);
  if (got.some((number, index) => number !== index)) arena.ledger.fault("packets arrived out of order");
  if (random.chance(0.5)) for (let count = 0; count < 50; count++) arena.call(port, "post", count);
  arena.call(port, "close");
}

function post(port: CompletionPort, value: unknown): void {
  if (!port.closed) port.post(value);
}

const id = (arena: Arena) =>
  arena.random.chance(0.5) ? arena.hostile.number() : arena.random.integer(1, 50);

function garbage({ hostile, random }: Arena): unknown {
  const cyclic: Record<string, unknown> = { text: "x".repeat(random.pick([1, 1000])) };
  cyclic.self = cyclic;
  return random.pick([
    () => cyclic,
    () => hostile.value(),
    () => hostile.trap(),
    () => () => {},
    () => new Array(1000).fill(hostile.number()),
    () => new SharedArrayBuffer(8),
    () => nested(random.pick([100, 900])),
    () => new Uint8Array(100_000),
    () => Symbol("x"),
  ])();
}

function nested(depth: number): unknown {
  let value: unknown = "innermost";
  for (let level = 0; level < depth; level++) value = [value];
  return value;
}
