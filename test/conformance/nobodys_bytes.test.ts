import { inspect } from "node:util";
import { format, plugins } from "@vitest/pretty-format";
import {
  CompletionPort,
  connect,
  listen,
  type Operation,
  type PortsideError,
  type TcpListener,
  type TcpSocket,
} from "portside";
import { describe, expect, it } from "vitest";
import { receive } from "../support/bytes.js";
import { failure, thrown } from "../support/failure.js";
import { accepted, narrow, pair, STALLING_SIZE } from "../support/peers.js";
import { pushConnected } from "../support/push.js";
import { Recorder } from "../support/recorder.js";
import { Scope } from "../support/scope.js";
import { turns } from "../support/wait.js";

/** Text that a connection sends, and that must show nowhere else. */
const marker = "SECRET-OF-A-CLIENT";

/** All the ways in which programs, loggers and test runners show a value. */
const shown: [string, (value: unknown) => string][] = [
  ["JSON.stringify", (value) => JSON.stringify(value)],
  ["JSON.stringify of something around it", (value) => JSON.stringify({ request: { socket: value } })],
  ["inspect", (value) => inspect(value)],
  ["inspect to any depth", (value) => inspect(value, { depth: null })],
  ["inspect with what is hidden", (value) => inspect(value, { depth: null, showHidden: true })],
  [
    "inspect with what getters tell",
    (value) => inspect(value, { depth: null, getters: true, maxArrayLength: null, maxStringLength: null }),
  ],
  ["inspect of something around it", (value) => inspect([[{ value }]], { depth: null, showHidden: true })],
  [
    "a test runner's diff",
    (value) => format(value, { plugins: [...Object.values(plugins)], printFunctionName: true }),
  ],
  ["a test runner's diff, without toJSON()", (value) => format(value, { callToJSON: false, maxDepth: 20 })],
  [
    "its own properties, to any depth",
    (value) => inspect(value, { depth: null, showHidden: true, customInspect: false }),
  ],
];

/** What the marker looks like as text, as numbers and in hexadecimal. */
const traces = [
  marker,
  Array.from(Buffer.from(marker)).join(", ").slice(0, 20),
  Buffer.from(marker).toString("hex"),
  Buffer.from(marker).toString("hex").replace(/(..)/g, "$1 ").trim(),
  Buffer.from(marker).toString("base64").slice(0, 20),
];

function check(value: TcpSocket | TcpListener | CompletionPort | Operation): void {
  expect(inspect(value)).toBe(`${value.constructor.name} ${inspect(value.toJSON(), { depth: 2 })}`);
  for (const [way, show] of shown) {
    const text = show(value);
    expect(text.length, `${way}\n${text.slice(0, 2000)}`).toBeLessThan(1024);
    expect(text, way).not.toMatch(/Array\(|ArrayBuffer|Buffer|DataView|Memory|external/i);
    for (const trace of traces) expect(text, way).not.toContain(trace);
  }
}

/** Makes the engine hold as much as it ever does: received bytes, small and large sends that wait. */
async function busy(scope: Scope): Promise<void> {
  const { client, server } = await pair(scope, narrow);
  await client.send(marker);
  expect((await receive(server, marker.length)).toString()).toBe(marker);
  server.write(marker.repeat(STALLING_SIZE / marker.length));
  server.write(marker);
  await server.recv.call(client, { size: 1000 });
  const { socket, peer } = await accepted(scope);
  await peer.write(marker.repeat(100));
  await turns();
  socket.write(marker);
}

describe("what is shown of", () => {
  it("a socket says where, and in which state, in a few words and nobody's bytes", async () => {
    await using scope = new Scope();
    await busy(scope);
    const { client, server } = await pair(scope);
    check(client);
    await server.send(marker);
    expect(await client.recv({ size: 3 })).toHaveLength(3);
    client.write(marker);
    check(client);
    expect(JSON.parse(JSON.stringify(client))).toEqual({
      type: "TcpSocket",
      state: "open",
      localAddress: client.localAddress,
      remoteAddress: client.remoteAddress,
      writableLength: client.writableLength,
    });
    expect(inspect(client)).toContain(`port: ${client.localAddress!.port}`);
    const closing = client.close();
    expect(JSON.parse(JSON.stringify(client)).state).toBe("closing");
    check(client);
    await closing;
    expect(JSON.parse(JSON.stringify(client)).state).toBe("closed");
    check(client);
  });

  it.each([false, true])(
    "a push-style socket that keeps bytes while it pauses (borrow: %s) either",
    async (borrow) => {
      await using scope = new Scope();
      let paused: TcpSocket | undefined;
      const recorder = new Recorder({
        data(socket) {
          socket.pause();
          paused = socket;
          check(socket);
        },
      });
      const { socket, peer } = await pushConnected(scope, recorder, { borrow });
      await peer.write(marker);
      await recorder.next("data");
      await peer.write(marker.repeat(1000));
      await turns();
      expect(paused).toBe(socket);
      check(socket);
      expect(JSON.parse(JSON.stringify(socket)).state).toBe("paused");
      await peer.reset();
      socket.resume();
      await recorder.next("close");
      check(socket);
    },
  );

  it("a socket that was lost either", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    await peer.reset();
    await failure(socket.recv(), "ECONNRESET");
    expect(JSON.parse(JSON.stringify(socket)).state).toBe("lost");
    check(socket);
  });

  it("a listener either", async () => {
    await using scope = new Scope();
    await busy(scope);
    const listener: TcpListener = await listen({ host: "127.0.0.1" });
    check(listener);
    expect(JSON.parse(JSON.stringify(listener))).toMatchObject({
      type: "TcpListener",
      address: listener.address,
    });
    await listener.close();
    check(listener);
    const handlers = { data: (socket: TcpSocket) => void socket.write(marker) };
    check(scope.use(await listen({ host: "127.0.0.1" }, handlers)));
  });

  it("a completion port either", async () => {
    await using scope = new Scope();
    await busy(scope);
    check(CompletionPort.default);
    const port = scope.use(new CompletionPort());
    port.on("posted", () => {});
    port.post({ secret: marker });
    check(port);
    expect(JSON.parse(JSON.stringify(port))).toMatchObject({ type: "CompletionPort", id: port.id });
    await port.close();
    check(port);
  });

  it("what only inherits from one either: it can be printed all the same", async () => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort());
    const listener = scope.use(await listen({ host: "127.0.0.1", completionPort: port }));
    const { client } = await pair(scope);
    for (const handle of [port, listener, client, port.operation(() => {})]) {
      const Class = handle.constructor as { name: string; prototype: object };
      for (const double of [
        Object.create(handle),
        Object.create(Class.prototype),
        { of: Object.create(handle) },
      ])
        expect(inspect(double, { depth: null })).toContain(`[no ${Class.name}, but made from one]`);
    }
  });

  it("an operation either", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    const port = CompletionPort.default;
    let called = 0;
    const receive = port.operation(() => void called++);
    const send = port.operation(() => void called++);
    check(receive);
    receive.recv(client, new Uint8Array(100));
    send.send(client, marker.repeat(STALLING_SIZE / marker.length));
    check(receive);
    check(send);
    expect(JSON.parse(JSON.stringify(receive))).toEqual({ type: "Operation", kind: "recv", pending: true });
    await server.send(marker);
    await turns();
    await client.close();
    expect(called).toBe(2);
    check(receive);
    check(send);
  });

  it("a socket in `data` that refers to another shows neither's bytes", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope);
    client.data = { other: server };
    server.data = client;
    await server.send(marker);
    await client.recv();
    for (const [way, show] of shown.slice(0, -1)) {
      const text = show(client);
      expect(text.length, way).toBeLessThan(4096);
      for (const trace of traces) expect(text, way).not.toContain(trace);
    }
  });

  it("errors is their message, and what they carry, and nobody's bytes", async () => {
    await using scope = new Scope();
    await busy(scope);
    const { client, server } = await pair(scope, narrow);
    const cancelled = new AbortController();
    const received = client.recv({ signal: cancelled.signal });
    cancelled.abort();
    const aborted = await failure(received, "ECANCELED");
    const stalled = failure(client.send(marker.repeat(STALLING_SIZE / marker.length)));
    await turns();
    await client.close();
    const errors: PortsideError[] = [
      aborted,
      await stalled,
      await failure(client.send(marker), "EBADF"),
      await failure(connect({ host: "127.0.0.1", port: -1 }), "ERR_SOCKET_BAD_PORT"),
      await failure(server.send(server as never), "ERR_INVALID_ARG_TYPE"),
      await failure(server.send(CompletionPort.default as never), "ERR_INVALID_ARG_TYPE"),
      await failure(server.recvInto(server as never), "ERR_INVALID_ARG_TYPE"),
      thrown(() => server.write(server as never), "ERR_INVALID_ARG_TYPE"),
    ];
    for (const error of errors) {
      error.stack = `${error.name}: ${error.message}`; // a stack is long, and names files only
      for (const [way, show] of shown) {
        const text = show(error);
        expect(text.length, `${way}\n${text.slice(0, 2000)}`).toBeLessThan(error === aborted ? 4096 : 1536);
        for (const trace of traces) expect(text, way).not.toContain(trace);
      }
    }
  });
});

describe("what can be reached from a socket, a listener, a port and an operation", () => {
  /** All objects that ordinary JavaScript finds, through properties of any kind, prototypes and symbols. */
  function reachable(start: object): Set<unknown> {
    const seen = new Set<unknown>();
    const visit = (value: unknown): void => {
      if ((typeof value !== "object" && typeof value !== "function") || value === null || seen.has(value))
        return;
      if (value === Object.prototype || value === Function.prototype || value === globalThis) return;
      seen.add(value);
      for (const key of Reflect.ownKeys(value)) {
        const property = Object.getOwnPropertyDescriptor(value, key)!;
        if ("value" in property) visit(property.value);
        else visit(readOf(start, key));
      }
      visit(Object.getPrototypeOf(value));
    };
    visit(start);
    return seen;
  }

  function readOf(start: object, key: string | symbol): unknown {
    try {
      return Reflect.get(start, key);
    } catch {
      return undefined;
    }
  }

  it("is no memory, and nothing of the addon's", async () => {
    await using scope = new Scope();
    const { client } = await pair(scope);
    const listener = scope.use(await listen({ host: "127.0.0.1" }));
    const port = scope.use(new CompletionPort());
    const operation = port.operation(() => {});
    for (const start of [client, listener, port, operation]) {
      for (const value of reachable(start)) {
        expect(ArrayBuffer.isView(value) || value instanceof ArrayBuffer).toBe(false);
        if (typeof value === "function") expect(value.name).not.toMatch(/^(Port|Core|Rings|turn|submit)$/);
      }
    }
  });
});
