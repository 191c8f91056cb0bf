// Attacks the addon itself, as code does that got hold of it: the attack's name is the argument. Says "unharmed"
// when the process, and a connection of the public API beside it, got through.
import { createRequire } from "node:module";
import { addonCandidates } from "../../dist/platforms/rooms.js";
import { connect, listen } from "../../dist/src/index.js";

const require = createRequire(import.meta.url);
const addon = require(addonCandidates()[0]);
const { layout, Port } = addon;
const [backend] = addon.backends;
const opcodes = {
  accept: 1,
  startAccept: 2,
  receive: 3,
  startReceive: 4,
  send: 6,
  shutdown: 7,
  cancel: 10,
  timer: 11,
};
const nothing = () => {};

/** A port of the addon, with what JavaScript's side has of it. */
function open(options = {}, onDeliver = nothing, onYield = nothing) {
  const all = { backend, loop: process.env.PORTSIDE_WAKER === "loop", batch: 64, polls: 3, ...options };
  const port = new Port(
    all,
    () => onDeliver(read(control, words)),
    () => setImmediate(() => port.turn()) && onYield(),
  );
  const { rings, received } = port.memory();
  const control = new Int32Array(rings, 0, 16);
  const submissions = new Int32Array(rings, layout.submissionsAt, layout.submissionCapacity * 8);
  const words = new Int32Array(rings, layout.completionsAt, layout.completionCapacity * 8);
  const submit = (...lists) => {
    for (const [i, list] of lists.entries())
      submissions.set([...list, 0, 0, 0, 0, 0, 0, 0, 0].slice(0, 8), i * 8);
    control[0] = lists.length;
    port.submit();
  };
  return { port, rings, received, control, submissions, submit };
}

function read(control, words) {
  return Array.from({ length: control[1] }, (_, i) => [...words.subarray(i * 8, i * 8 + 8)]);
}

/** Whatever is thrown is an error of JavaScript's. */
function attempt(action) {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof Error)) throw new Error(`threw ${String(error)}`);
    return error;
  }
}

const turns = async (count = 20) => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

const oddities = [
  undefined,
  null,
  true,
  -1,
  0,
  1.5,
  1e300,
  -1e300,
  Number.NaN,
  Infinity,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  10n,
  "",
  "text",
  Symbol("s"),
  {},
  [],
  () => {},
  new Proxy({}, {}),
  new Uint8Array(3),
  new ArrayBuffer(8),
  new Float64Array(2),
  new DataView(new ArrayBuffer(8)),
  new SharedArrayBuffer(8),
  new Proxy([], {}),
  Object.create(null),
];
const methods = Object.getOwnPropertyNames(Port.prototype).filter((name) => name !== "constructor");

/** The completions of these submissions, of which there are `count`. */
async function completionsOf(lists, count, options) {
  const came = [];
  const { port, submit } = open(options, (list) => came.push(...list));
  submit(...lists);
  while (came.length < count) await turns();
  await turns();
  port.close();
  if (came.length > count) throw new Error(`${came.length} completions instead of ${count}`);
  return came;
}

const attacks = {
  async "tokens that are out of range, zero or in use"() {
    const wrong = [0, -1, -(2 ** 31), 2 ** 31 - 1, layout.maxToken + 1];
    const came = await completionsOf(
      [
        ...wrong.map((token) => [opcodes.timer, 0, 0, token, 1]),
        ...wrong.flatMap((token) => [1, 3, 7, 10].map((opcode) => [opcode, 0, 1, token, 1])),
        [opcodes.timer, 0, 0, 5, 100_000],
        [opcodes.timer, 0, 0, 5, 1],
        [opcodes.receive, 0, 1, 5, 1],
        [opcodes.timer, 0, 0, layout.maxToken, 0],
        [opcodes.cancel, 0, 0, 5],
        [opcodes.cancel, 0, 0, 5],
      ],
      2,
    );
    const tokens = came.map((completion) => completion[2]);
    if (tokens.sort((a, b) => a - b).join() !== `5,${layout.maxToken}`)
      throw new Error(`completed: ${tokens}`);
  },

  async "a token in use, or none, for a connect"() {
    const { port, submit } = open();
    submit([opcodes.timer, 0, 0, 9, 100_000]);
    const to = { address: "127.0.0.1", port: 1 };
    for (const token of [9, 0, -1, 2 ** 31, 2 ** 24 + 1, undefined, {}, 1.5]) {
      const answer = port.connect(to, token);
      if (addon.errorNames[answer.code] !== "EINVAL") throw new Error(`connect(${String(token)}) was taken`);
    }
    if (port.stats().handles !== 0) throw new Error("a handle was left");
    port.close();
  },

  async "submissions that make no sense"() {
    const { port, submissions, control } = open();
    let seed = 1;
    const random = () => (seed = (seed * 1103515245 + 12345) % 2 ** 31);
    const address = { address: "127.0.0.1", port: 0, backlog: 5 };
    for (let round = 0; round < 300; round++) {
      const listener = port.listen(address);
      const there = port.address(listener.index, listener.generation, false);
      const client = port.connect({ address: "127.0.0.1", port: there.port }, 1000 + round);
      for (let i = 0; i < layout.submissionCapacity; i++) {
        const handle = random() % 2 ? listener : client;
        const values = [
          random() % 15,
          handle.index,
          handle.generation,
          random() % 2000,
          random(),
          random(),
          random() % 9,
        ];
        if (random() % 7 === 0) values[random() % 7] = random() * (random() % 2 ? 1 : -2);
        submissions.set(values, i * 8);
      }
      control[0] = [layout.submissionCapacity, -1, 2 ** 31 - 1, 5000, 3][round % 5];
      port.submit();
      await turns(1);
    }
    port.close();
  },

  async "arguments of every kind"() {
    for (const name of methods.filter((name) => name !== "close")) {
      const { port } = open();
      const { index, generation } = port.listen({ address: "127.0.0.1", port: 0, backlog: 5 });
      for (const odd of oddities) {
        attempt(() => port[name](odd));
        for (const other of oddities) attempt(() => port[name](index, generation, odd, other, odd));
        attempt(() => port[name](odd, odd, odd, odd, odd));
        attempt(() => port[name](index, generation, 1, 0, [odd, new Uint8Array(1), odd]));
      }
      port.close();
    }
    for (const name of ["post", "errorCodeOf"]) {
      for (const odd of oddities) {
        attempt(() => addon[name](odd));
        for (const other of oddities) attempt(() => addon[name](odd, other));
      }
    }
    await turns();
  },

  async "a constructor's arguments of every kind"() {
    const good = { backend, loop: true, batch: 1, polls: 1 };
    for (const odd of oddities) {
      for (const list of [[], [odd], [odd, nothing, nothing], [good, odd, nothing], [good, nothing, odd]]) {
        if (typeof odd === "function" && list.length === 3 && list[0] === good) continue;
        const refused = attempt(() => new Port(...list));
        if (!(refused instanceof Error)) throw new Error("was opened");
      }
      for (const name of ["loop", "batch", "polls", "received", "countersStart"]) {
        const port = attempt(() => new Port({ ...good, [name]: odd }, nothing, nothing));
        if (!(port instanceof Error)) port.close();
      }
      attempt(() => new Port({ ...good, backend: odd }, nothing, nothing));
    }
    attempt(() => Port(good, nothing, nothing));
    attempt(() => Port.call({}, good, nothing, nothing));
    attempt(() => Reflect.construct(Port, [good, nothing, nothing], Object));
    attempt(() => new (class extends Port {})(good, nothing, nothing).close());
  },

  async "a batch of any size"() {
    for (const batch of [0, -1, 1e9, 2 ** 31, 2 ** 32 - 1, 1024, 1025, Number.NaN]) {
      const lists = Array.from({ length: 1024 }, (_, i) => [opcodes.receive, 7, 7, i + 1, 1]);
      await completionsOf(lists, 1024, { batch, polls: batch });
    }
  },

  async "calls on a closed port"() {
    const { port, control } = open();
    control[0] = 1000;
    port.close();
    for (const name of methods)
      for (const odd of oddities) attempt(() => port[name](odd, odd, odd, odd, odd));
    await turns();
  },

  async "getters that close the port, submit or turn while options are read"() {
    for (const action of ["close", "submit", "turn", "stats", "takePackets", "renewReceived"]) {
      for (const name of ["address", "port", "noDelay", "localAddress", "localPort", "acceptTimeout"]) {
        const { port, submit } = open();
        submit([opcodes.timer, 0, 0, 7, 1]);
        const options = { address: "127.0.0.1", port: 0, localAddress: "127.0.0.1", localPort: 0 };
        Object.defineProperty(options, name, { get: after(() => port[action](), "127.0.0.1") });
        port.listen(options);
        port.connect(options, 3);
        const { index, generation } = port.listen({ address: "127.0.0.1", port: 0 });
        const view = new Uint8Array(10);
        const list = [view, view, view];
        Object.defineProperty(list, 1, { get: after(() => port[action](), view) });
        port.send(index ?? 0, generation ?? 0, 4, 0, list);
        const throwing = [view, view];
        Object.defineProperty(throwing, 0, { get: () => port[action]() ?? throwIt() });
        attempt(() => port.send(index ?? 0, generation ?? 0, 4, 0, throwing));
        port.close();
      }
    }
    await turns();
  },

  async "getters that throw"() {
    const { port } = open();
    for (const name of ["address", "port", "noDelay", "localAddress", "backend", "batch"]) {
      const options = {
        backend,
        get [name]() {
          return throwIt();
        },
      };
      for (const call of [() => port.listen(options), () => port.connect(options, 1)]) {
        const error = attempt(call);
        if (["address", "port", "noDelay"].includes(name) && error?.message !== "thrown")
          throw new Error(name);
      }
      attempt(() => new Port(options, nothing, nothing));
    }
    port.close();
  },

  async "a receiver that is no port"() {
    const { port } = open();
    const others = [
      ...oddities,
      addon,
      new Proxy(port, {}),
      Object.create(port),
      { __proto__: Port.prototype },
    ];
    for (const other of others) {
      for (const name of methods) {
        const error = attempt(() => port[name].call(other, 1, 1, 1, 1, 1));
        if (!(error instanceof Error)) throw new Error(`${name} worked on something else`);
      }
    }
    port.close();
  },

  async "functions that call back"() {
    for (const action of ["turn", "close", "submit", "takePackets", "stats"]) {
      for (const loop of [false, true]) {
        const state = open(
          { loop },
          () => state.port[action](3),
          () => state.port[action](3),
        );
        state.submit([opcodes.timer, 0, 0, 1, 0], [opcodes.receive, 0, 1, 2, 1]);
        await turns(50);
        state.port.close();
      }
    }
    for (const broken of [() => throwIt(), () => Promise.reject(new Error("thrown"))]) {
      const port = new Port({ backend, loop: false, batch: 1, polls: 1 }, nothing, broken);
      new Int32Array(port.memory().rings)[0] = 0;
      port.close();
    }
  },

  async "the rings' and the receive space's memory, taken away"() {
    const { port, rings, received, submit } = open();
    const listener = port.listen({ address: "127.0.0.1", port: 0, backlog: 5 });
    submit([opcodes.startAccept, listener.index, listener.generation]);
    const kept = [];
    for (const memory of [rings, received, port.memory().received]) {
      kept.push(attempt(() => memory.transfer?.() ?? structuredClone(memory, { transfer: [memory] })));
    }
    port.submit();
    for (let i = 0; i < 20; i++) {
      const memory = port.renewReceived();
      if (memory.byteLength !== layout.receiveSpaceSize) throw new Error("there is no receive space");
      kept.push(attempt(() => memory.transfer?.()));
      port.submit();
      globalThis.gc?.();
      await turns(2);
    }
    port.close();
    globalThis.gc?.();
    await turns();
    for (const memory of kept) if (memory instanceof ArrayBuffer) new Uint8Array(memory).fill(1);
  },

  async "memory of a program's own as the receive space"() {
    for (const received of [new ArrayBuffer(8), new ArrayBuffer(layout.receiveSpaceSize)]) {
      const { port, received: used } = open({ received });
      if (used === received) throw new Error("memory that can be detached was taken");
      port.close();
    }
  },

  async "more bytes, or pieces, than one send takes"() {
    const { port } = open();
    const { index, generation } = port.listen({ address: "127.0.0.1", port: 0, backlog: 5 });
    const view = new Uint8Array(2 ** 20);
    port.send(
      index,
      generation,
      1,
      0,
      Array.from({ length: 4097 }, () => view),
    );
    const sparse = [];
    sparse.length = 2 ** 32 - 1;
    port.send(index, generation, 1, 0, sparse);
    port.close();
  },
};

/** A function that does something, and gives the value. */
function after(action, value) {
  return () => {
    action();
    return value;
  };
}

function throwIt() {
  throw new Error("thrown");
}

const listener = await listen({ host: "127.0.0.1" }, { data: (socket, chunk) => void socket.write(chunk) });
const socket = await connect({ host: "127.0.0.1", port: listener.address.port });
for (const name of process.argv.slice(2)) await attacks[name]();
await socket.send("still here");
const answer = Buffer.from(await socket.recv()).toString();
await Promise.all([socket.close(), listener.close()]);
process.stdout.write(answer === "still here" ? "unharmed" : `the echo said ${answer}`);
export const names = Object.keys(attacks);
