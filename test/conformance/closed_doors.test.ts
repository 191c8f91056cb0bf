import { inspect, types } from "node:util";
import { CompletionPort, connect, listen, Operation, PortsideError, TcpListener, TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { reachable } from "../../bench/attack/reachable.js";
import { Scope } from "../support/scope.js";
import { turns } from "../support/wait.js";

/** What a program holds of two connections, with something under way on everything. */
async function holdings(scope: Scope) {
  const port = scope.use(new CompletionPort());
  const { signal } = new AbortController();
  const options = { host: "127.0.0.1", completionPort: port };
  const listener = scope.use(await listen({ ...options, signal }));
  const address = { ...options, port: listener.address.port };
  const [socket, accepted] = await Promise.all([connect(address), listener.accept()]);
  const [others, othersPeer] = await Promise.all([connect(address), listener.accept()]);
  for (const each of [socket, accepted, others, othersPeer]) scope.use(each);
  othersPeer.recv({ signal }).catch(() => {});
  await socket.send("something of one's own");
  const chunk = await accepted.recv();
  await othersPeer.send("another connection's bytes");
  const closed = await others.recv().then(() => others.close().then(() => others));
  // What waits may be reached from what it waits for.
  for (const pending of [accepted.recv({ signal }), listener.accept({ signal })]) pending.catch(() => {});
  const operation = port.operation(() => {});
  operation.recv(socket, new Uint8Array(10));
  const refused = await socket.recv({ size: 0 }).catch((error: unknown) => error);
  const failed = await connect({ ...address, localAddress: "127.0.0.1", port: 1 }).catch(
    (error: unknown) => error,
  );
  const iterating = socket[Symbol.asyncIterator]();
  await turns(2);
  return { socket, accepted, closed, listener, port, operation, refused, failed, chunk, signal, iterating };
}

/** The names of an object's own properties, and of its class's. */
function namesOf(object: object): string[] {
  const names = [...Reflect.ownKeys(object), ...Reflect.ownKeys(Object.getPrototypeOf(object))];
  return names.map(String).sort();
}

const socketNames = [
  ...[String(Symbol.asyncDispose), "Symbol(Symbol.asyncIterator)", "Symbol(nodejs.util.inspect.custom)"],
  ...["close", "closed", "constructor", "data", "drained", "end", "localAddress", "pause", "paused", "recv"],
  ...[
    "recvInto",
    "ref",
    "remoteAddress",
    "reset",
    "resume",
    "send",
    "setKeepAlive",
    "setNoDelay",
    "setUserTimeout",
    "shutdown",
  ],
  ...["toJSON", "unref", "writableLength", "write"],
];
const listenerNames = [
  ...[String(Symbol.asyncDispose), "Symbol(Symbol.asyncIterator)", "Symbol(nodejs.util.inspect.custom)"],
  ...["accept", "address", "close", "closed", "constructor", "ref", "toJSON", "unref"],
];
const portNames = [
  ...[String(Symbol.asyncDispose), "Symbol(nodejs.util.inspect.custom)", "backend", "close", "closed"],
  ...["constructor", "id", "off", "on", "operation", "post", "ref", "stats", "toJSON", "unref", "waker"],
];
const operationNames = [
  ...["Symbol(nodejs.util.inspect.custom)", "accept", "cancel", "constructor", "pending", "recv", "send"],
  ...["timer", "toJSON"],
];

const handleTypes = [TcpSocket, TcpListener, CompletionPort, Operation];

describe("what a program holds", () => {
  it("leads to no memory but its own, to no native object and to no other connection", async () => {
    await using scope = new Scope();
    const roots = await holdings(scope);
    const own = new Set<unknown>(Object.values(roots));
    own.add(roots.chunk?.buffer);
    const found = reachable(roots, new Set([CompletionPort.default]));
    const memory: string[] = [];
    const strangers: string[] = [];
    for (const [object, path] of found) {
      if (own.has(object)) continue;
      if (ArrayBuffer.isView(object) || types.isAnyArrayBuffer(object)) memory.push(path);
      else if (isForeign(object)) strangers.push(`${path}: ${inspect(object, { depth: 0 }).slice(0, 100)}`);
    }
    expect(memory).toEqual([]);
    expect(strangers).toEqual([]);
  });

  it("has the properties of the public API, and no others", async () => {
    await using scope = new Scope();
    const { socket, accepted, listener, port, operation } = await holdings(scope);
    const check = (object: TcpSocket | TcpListener | CompletionPort | Operation, names: string[]) =>
      expect(namesOf(object)).toEqual([...names].sort());
    check(socket, socketNames);
    check(accepted, socketNames);
    check(listener, listenerNames);
    check(port, portNames);
    check(operation, operationNames);
    expect(Reflect.ownKeys(socket)).toEqual(["data"]);
    expect(Reflect.ownKeys(operation)).toEqual([]);
  });

  it("makes no handles by its constructor, and calls no method of one on anything else", async () => {
    await using scope = new Scope();
    const { socket, listener, port, operation } = await holdings(scope);
    for (const handle of [socket, listener, operation]) {
      const Type = handle.constructor as new (...args: unknown[]) => unknown;
      for (const args of [[], [port, 0, 1], [Symbol("any"), port, 0, 1, {}]])
        expect(() => new Type(...args)).toThrow(PortsideError);
    }
    for (const handle of [socket, listener, port, operation]) {
      const methods = Object.getOwnPropertyDescriptors(Object.getPrototypeOf(handle));
      for (const [name, { value }] of Object.entries<PropertyDescriptor>(methods)) {
        if (typeof value !== "function" || name === "constructor") continue;
        for (const receiver of [{}, Object.create(handle), new Proxy(handle, {}), other(handle)])
          await expect(attempt(value, receiver), name).rejects.toThrow();
      }
    }

    function other(handle: object): object {
      return handle === port ? socket : port;
    }
  });
});

// An asynchronous generator's error comes with its first value.
async function attempt(method: (...args: unknown[]) => unknown, receiver: object): Promise<unknown> {
  const answer = Reflect.apply(method, receiver, []);
  return answer !== null && typeof answer === "object" && "next" in answer
    ? await (answer as AsyncIterator<unknown>).next()
    : await answer;
}

// What Node keeps on a signal for its own purposes is not ours.
const engineNames = ["core", "rings", "native", "token", "waiting", "submit", "takePackets"];

/** Whether an object is the engine's, or a handle that the program was not given. */
function isForeign(object: object): boolean {
  if (types.isExternal(object)) return true;
  const isHandle = handleTypes.some(
    (type) => object instanceof type && !Object.hasOwn(object, "constructor"),
  );
  return isHandle || engineNames.some((name) => name in object);
}
