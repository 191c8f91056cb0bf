import { CompletionPort } from "../../../src/index.js";
import type { Arena } from "../arena.js";
import { turn, within } from "../clock.js";

const methods = ["post", "ref", "unref", "stats", "operation", "on", "off", "close", "timer"];

/** Ports by the dozen: opened, used, closed in the middle, closed twice, used again. */
export async function manyPorts(arena: Arena): Promise<void> {
  const { random } = arena;
  const ports = Array.from({ length: random.integer(1, 12) }, () => new CompletionPort());
  const closing: Promise<void>[] = [];
  for (let steps = 3 * ports.length; steps > 0; steps--) {
    const port = random.pick(ports);
    const step = random.next();
    if (step < 0.2) closing.push(port.close());
    else if (step < 0.4) arena.call(port, random.pick(methods), ...arena.hostile.values(2));
    else if (step < 0.6) arena.attempt("listener", () => arena.listener(undefined, { completionPort: port }));
    else if (step < 0.8)
      arena.attempt("timer", () => arena.submit(arena.operation(port), "timer", random.integer(0, 5)));
    else await turn();
  }
  for (const port of ports) {
    closing.push(port.close());
    arena.attempt("stats", () => port.stats());
  }
  if (!(await within(Promise.all(closing), 20_000))) arena.ledger.fault("a port does not close within 20 s");
}
