import {
  connect,
  type ListenOptions,
  listen,
  PortsideError,
  type SocketOptions,
  type TcpListener,
  type TcpSocket,
} from "portside";
import { describe, expect, it } from "vitest";
import { difference, pattern, receive } from "../support/bytes.js";
import { failure } from "../support/failure.js";
import { accepted, connected, netClient, pair, STALLING_SIZE } from "../support/peers.js";
import { openHandles, pushPair, roundTrip, sides } from "../support/push.js";
import { Recorder } from "../support/recorder.js";
import { Scope } from "../support/scope.js";
import { turns, until } from "../support/wait.js";

// What an option does inside the kernel cannot be seen through a portable API: these tests prove that it is
// taken, on both sides, and that the connection works with it; and what it does where that shows.
const settings: [string, SocketOptions][] = [
  ["noDelay: true", { noDelay: true }],
  ["noDelay: false", { noDelay: false }],
  ["keepAlive: true", { keepAlive: true }],
  ["keepAlive: false", { keepAlive: false }],
  ["keepAlive: 1000", { keepAlive: 1000 }],
  ["keepAlive: two hours", { keepAlive: 7_200_000 }],
  ["keepAlive: as long as can be", { keepAlive: 32_767_000 }],
  ["keepAlive: a fraction of a second more", { keepAlive: 60_500 }],
  ["receiveBufferSize: 1, which the system raises", { receiveBufferSize: 1 }],
  ["sendBufferSize: 1, which the system raises", { sendBufferSize: 1 }],
  ["receiveBufferSize: 1 MiB", { receiveBufferSize: 1_048_576 }],
  ["sendBufferSize: 1 MiB", { sendBufferSize: 1_048_576 }],
  ["sendBufferSize: 1 GiB, which the system lowers", { sendBufferSize: 2 ** 30 }],
  ["highWaterMark: 1", { highWaterMark: 1 }],
  ["borrow: true", { borrow: true }],
  [
    "everything at once",
    {
      noDelay: false,
      keepAlive: 30_000,
      receiveBufferSize: 100_000,
      sendBufferSize: 100_000,
      highWaterMark: 5000,
      borrow: true,
    },
  ],
];

describe.each(sides)("on $side", ({ open }) => {
  it.each(settings)("%s is taken, and bytes pass both ways", async (_, options) => {
    await using scope = new Scope();
    const recorder = new Recorder({
      data(socket, chunk) {
        if (!socket.write(chunk)) socket.pause();
      },
      drain: (socket) => void socket.resume(),
    });
    const { peer } = await open(scope, recorder, options);
    const sent = pattern(100_000);
    const reading = peer.read(sent.length);
    await peer.write(sent);
    expect(difference(await reading, sent)).toBe("");
  });

  it("setNoDelay() and setKeepAlive() give back the socket, and bytes pass", async () => {
    await using scope = new Scope();
    const recorder = new Recorder({ data: (socket, chunk) => void socket.write(chunk) });
    const { socket, peer } = await open(scope, recorder);
    expect(socket.setNoDelay()).toBe(socket);
    expect(socket.setNoDelay(false).setNoDelay(true)).toBe(socket);
    expect(socket.setKeepAlive()).toBe(socket);
    expect(socket.setKeepAlive(true, 5000).setKeepAlive(false)).toBe(socket);
    expect(socket.setKeepAlive(true, 0).setKeepAlive(false, 0)).toBe(socket);
    expect(socket.setKeepAlive(false, 500)).toBe(socket);
    await roundTrip(peer);
  });

  it("ref() and unref() give back the socket, on a closed one too", async () => {
    await using scope = new Scope();
    const { socket } = await open(scope);
    expect(socket.unref().unref().ref().ref()).toBe(socket);
    await socket.close();
    expect(socket.unref().ref()).toBe(socket);
  });
});

describe("setNoDelay() and setKeepAlive()", () => {
  it("work in every handler but close", async () => {
    await using scope = new Scope();
    const set = (socket: { setNoDelay(on: boolean): { setKeepAlive(on: boolean): unknown } }) =>
      void socket.setNoDelay(true).setKeepAlive(true);
    const recorder = new Recorder({ open: set, data: set, end: set });
    const { client } = await pushPair(scope, recorder);
    await client.send("x");
    await client.shutdown();
    await recorder.next("end");
  });

  it("work in pull style on both sides", async () => {
    await using scope = new Scope();
    for (const { socket, peer } of [await accepted(scope), await connected(scope)]) {
      socket.setNoDelay(false).setKeepAlive(true, 10_000);
      await socket.send("works");
      expect((await peer.read(5)).toString()).toBe("works");
    }
  });
});

describe("a keep-alive's interval and count, and a user time-out", () => {
  const options: [string, SocketOptions, (socket: TcpSocket) => unknown][] = [
    [
      "keepAliveInterval",
      { keepAlive: 5000, keepAliveInterval: 2000 },
      (socket) => socket.setKeepAlive(true, 0, 2000),
    ],
    [
      "keepAliveCount",
      { keepAlive: true, keepAliveCount: 3 },
      (socket) => socket.setKeepAlive(true, 0, undefined, 3),
    ],
    ["userTimeout", { userTimeout: 30_000 }, (socket) => socket.setUserTimeout(30_000)],
  ];

  it.each(options)("%s: taken by both ends, or the system says that it has none", async (_, wanted, set) => {
    await using scope = new Scope();
    const { client } = await pair(scope);
    let taken = true;
    try {
      set(client);
    } catch (error) {
      expect((error as PortsideError).code).toBe("ENOTSUP");
      taken = false;
    }
    if (!taken) {
      await failure(listen({ host: "127.0.0.1", ...wanted }), "ENOTSUP");
      const { port } = scope.use(await listen({ host: "127.0.0.1" })).address;
      await failure(connect({ host: "127.0.0.1", port, ...wanted }), "ENOTSUP");
      return;
    }
    const both = await pair(scope, wanted);
    await both.client.send("ping");
    expect((await receive(both.server, 4)).toString()).toBe("ping");
  });
});

describe("noDelay", () => {
  it("true, the default, lets many small messages go back and forth", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope);
    // With Nagle's algorithm against delayed acknowledgements each of these rounds would take 80 ms, and the test time out.
    for (let round = 0; round < 400; round++) {
      await client.send("pi");
      await client.send("ng");
      await receive(server, 4);
      await server.send("po");
      await server.send("ng");
      await receive(client, 4);
    }
  });
});

describe("small buffers", () => {
  it("let the operating system take only little of what is written to a peer that does not read", async () => {
    await using scope = new Scope();
    const options = { sendBufferSize: 16_384, receiveBufferSize: 16_384 };
    const { socket, client } = await pushPair(scope, new Recorder(), options);
    const data = pattern(STALLING_SIZE);
    socket.write(data);
    await turns(50);
    // Kernels round up and count differently; without the options several megabytes would be on the way.
    expect(STALLING_SIZE - socket.writableLength).toBeLessThan(1_500_000);
    expect(difference(await receive(client, data.length), data)).toBe("");
  });

  it("set on the listener are in force for the sockets it accepts", async () => {
    await using scope = new Scope();
    const listener = scope.use(await listen({ host: "127.0.0.1", receiveBufferSize: 16_384 }));
    const [server, client] = await Promise.all([
      listener.accept(),
      connect({ host: "127.0.0.1", port: listener.address.port, sendBufferSize: 16_384 }),
    ]);
    scope.use(server);
    scope.use(client);
    client.write(pattern(STALLING_SIZE));
    await turns(50);
    expect(STALLING_SIZE - client.writableLength).toBeLessThan(1_500_000);
    expect(difference(await receive(server, STALLING_SIZE), pattern(STALLING_SIZE))).toBe("");
  });
});

describe("reusePort", () => {
  /** Two listeners on one port; undefined where the system has no such thing. */
  async function two(scope: Scope, recorder: Recorder): Promise<[TcpListener, TcpListener] | undefined> {
    const options: ListenOptions = { host: "127.0.0.1", reusePort: true };
    try {
      const first = scope.use(await listen(options, recorder.handlers));
      const again = { ...options, port: first.address.port };
      return [first, scope.use(await listen(again, recorder.handlers))];
    } catch (error) {
      if (error instanceof PortsideError && /^(ENOTSUP|EOPNOTSUPP|ENOPROTOOPT|EINVAL)$/.test(error.code))
        return;
      throw error;
    }
  }

  it("lets two listeners share a port, or says that this system cannot", async () => {
    await using scope = new Scope();
    const recorder = new Recorder({ data: (socket, chunk) => void socket.write(chunk) }, ["end"]);
    const listeners = await two(scope, recorder);
    if (!listeners) return;
    const { port } = listeners[0].address;
    expect(listeners[1].address.port).toBe(port);
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        const peer = await netClient(scope, port);
        await roundTrip(peer);
        await peer.end();
      }),
    );
    await recorder.next("close", 20);
    expect(recorder.count("open")).toBe(20);
  });

  it("leaves the port to the other when one of the two closes", async () => {
    await using scope = new Scope();
    const recorder = new Recorder({ data: (socket, chunk) => void socket.write(chunk) }, ["end"]);
    const listeners = await two(scope, recorder);
    if (!listeners) return;
    await listeners[0].close();
    const peer = await netClient(scope, listeners[1].address.port);
    await roundTrip(peer);
    await peer.end();
    await recorder.next("close");
  });

  it("is off by default: the port belongs to the first listener", async () => {
    await using scope = new Scope();
    const first = scope.use(await listen({ host: "127.0.0.1" }));
    const { port } = first.address;
    await failure(listen({ host: "127.0.0.1", port, reusePort: false }), "EADDRINUSE");
  });

  it("of the second listener alone is not enough", async () => {
    await using scope = new Scope();
    const first = scope.use(await listen({ host: "127.0.0.1" }));
    const { port } = first.address;
    const before = openHandles();
    await failure(
      listen({ host: "127.0.0.1", port, reusePort: true }),
      /^(EADDRINUSE|ENOTSUP|EOPNOTSUPP|ENOPROTOOPT|EINVAL)$/,
    );
    await until(() => openHandles() === before);
  });
});

describe("backlog", () => {
  it.each([1, 4096, 2 ** 31 - 1])("of %d is taken, and connections come", async (backlog) => {
    await using scope = new Scope();
    const listener = scope.use(await listen({ host: "127.0.0.1", backlog }));
    for (let round = 0; round < 5; round++) {
      const [socket, peer] = await Promise.all([listener.accept(), netClient(scope, listener.address.port)]);
      scope.use(socket);
      await socket.send("x");
      await peer.read(1);
    }
  });

  it("by default holds 100 connections that nobody accepts yet", async () => {
    await using scope = new Scope();
    const listener = scope.use(await listen({ host: "127.0.0.1" }));
    const peers = await Promise.all(
      Array.from({ length: 100 }, () => netClient(scope, listener.address.port)),
    );
    for (const peer of peers) await peer.write("first");
    for (let count = 0; count < 100; count++) {
      const socket = scope.use(await listener.accept());
      expect((await receive(socket, 5)).toString()).toBe("first");
    }
  });
});
