import type { TcpSocket } from "../../../src/index.js";
import type { Arena } from "../arena.js";
import { turn, within } from "../clock.js";
import { lose } from "../hostile.js";

/** Memory that is taken away, moved or resized while the engine has to do with it. */
export async function lostBuffers(arena: Arena): Promise<void> {
  const { random } = arena;
  const narrow = random.chance(0.3) ? { sendBufferSize: 5000, receiveBufferSize: 5000 } : {};
  const [near, far] = await arena.pair(narrow);
  const reading = random.chance(0.7) ? drain(arena, far) : undefined;
  for (let calls = random.integer(1, 20); calls > 0; calls--) {
    random.pick(uses)(arena, near, far);
    if (random.chance(0.2)) await turn();
  }
  if (random.chance(0.5)) arena.call(near, "shutdown");
  if (random.chance(0.5)) arena.call(random.pick([near, far]), random.pick(["close", "reset"]));
  if (reading) await within(reading, 200);
}

type Use = (arena: Arena, near: TcpSocket, far: TcpSocket) => void;

const uses: readonly Use[] = [
  (arena, near) => arena.call(near, "send", arena.hostile.view()),
  (arena, near) => arena.call(near, "write", arena.hostile.view()),
  (arena, near) => arena.call(near, "send", arena.hostile.list()),
  (arena, near) => arena.submit(arena.operation(), "send", near, arena.hostile.view()),
  (arena, _, far) => arena.submit(arena.operation(), "recv", far, arena.hostile.view()),
  (arena, near) => lend(arena, (view) => arena.call(near, "send", view)),
  (arena, near) => lend(arena, (view) => arena.call(near, "write", [view, "text", view])),
  (arena, _, far) => lend(arena, (view) => arena.call(far, "recvInto", view)),
  (arena, _, far) => arena.call(far, "recvInto", arena.hostile.view()),
  (arena, _, far) => {
    const controller = new AbortController();
    arena.call(far, "recvInto", new Uint8Array(1000), { signal: controller.signal });
    arena.random.later(() => controller.abort());
  },
];

/** An honest view that is lost at once, at the end of the tick, or later. */
function lend(arena: Arena, use: (view: Uint8Array) => void): void {
  const view = new Uint8Array(arena.random.pick([10, 8193, 100_000, 1_000_000])).fill(66);
  use(view);
  if (arena.random.chance(0.3)) lose(view);
  else arena.random.later(() => lose(view));
}

async function drain(arena: Arena, socket: TcpSocket): Promise<void> {
  try {
    for (let chunk = await socket.recv(); chunk !== null; chunk = await socket.recv()) {
      arena.inspect(chunk, "an attacker's receive");
      lose(chunk);
    }
  } catch {
    // it was closed, or reset
  }
}
