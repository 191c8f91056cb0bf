import { CompletionPort, connect, type ListenHandlers, listen, type TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { difference, pattern } from "../support/bytes.js";
import { failure } from "../support/failure.js";
import { netClient, netServer, unusedPort } from "../support/peers.js";
import { echoListener, pushAccepted, pushConnected, roundTrip, sides } from "../support/push.js";
import { type EventName, Recorder } from "../support/recorder.js";
import { Scope } from "../support/scope.js";
import { turns, until } from "../support/wait.js";

describe.each(sides)("the handlers of $side", ({ open }) => {
  it("begin with open, once, before anything else", async () => {
    await using scope = new Scope();
    const { peer, recorder } = await open(scope);
    await peer.write("hello");
    await recorder.received(5);
    expect(recorder.names()).toEqual(["open", "data"]);
  });

  it("get every byte, in order, in chunks of at least one", async () => {
    await using scope = new Scope();
    const { peer, recorder } = await open(scope);
    const sent = pattern(1_000_000);
    const writing = peer.write(sent);
    expect(difference(await recorder.received(sent.length), sent)).toBe("");
    await writing;
    for (const event of recorder.events) if (event.chunk) expect(event.chunk.length).toBeGreaterThan(0);
  });

  it("get chunks that are Uint8Arrays", async () => {
    await using scope = new Scope();
    const { peer, recorder } = await open(scope);
    await peer.write("x");
    expect((await recorder.next("data")).chunk).toBeInstanceOf(Uint8Array);
  });

  it("hear of the peer's FIN once, after all its data", async () => {
    await using scope = new Scope();
    const { peer, recorder, socket } = await open(scope);
    const sent = pattern(300_000);
    await peer.write(sent);
    await peer.end();
    await recorder.next("end");
    expect(difference(recorder.bytes(), sent)).toBe("");
    await turns();
    expect(recorder.names(socket)).toEqual(["open", "data", "end"]);
  });

  it("hear of a FIN without any data", async () => {
    await using scope = new Scope();
    const { peer, recorder, socket } = await open(scope);
    await peer.end();
    await recorder.next("end");
    await turns();
    expect(recorder.names(socket)).toEqual(["open", "end"]);
  });

  const endings: { ending: string; act: (side: Awaited<ReturnType<typeof open>>) => Promise<unknown> }[] = [
    { ending: "our close()", act: ({ socket }) => socket.close() },
    { ending: "our reset()", act: ({ socket }) => socket.reset() },
    {
      ending: "our close() called twice",
      act: ({ socket }) => Promise.all([socket.close(), socket.close()]),
    },
    {
      ending: "our close() and reset() at once",
      act: ({ socket }) => Promise.all([socket.close(), socket.reset()]),
    },
    {
      ending: "our reset() and close() at once",
      act: ({ socket }) => Promise.all([socket.reset(), socket.close()]),
    },
    { ending: "our Symbol.asyncDispose", act: ({ socket }) => socket[Symbol.asyncDispose]() },
    { ending: "the peer's reset", act: ({ peer }) => peer.reset() },
    {
      ending: "the peer's FIN and our close()",
      act: async ({ socket, peer, recorder }) => {
        await peer.end();
        await recorder.next("end");
        await socket.close();
      },
    },
    {
      ending: "a FIN from both sides and our close()",
      act: async ({ socket, peer, recorder }) => {
        await peer.end();
        await socket.shutdown();
        await recorder.next("end");
        await socket.close();
      },
    },
    {
      ending: "our close() and the peer's reset at once",
      act: ({ socket, peer }) => Promise.all([socket.close(), peer.reset()]),
    },
    {
      ending: "our close() with data and a FIN on their way",
      // The peer's write may fail: the close finds bytes that nobody reads, which resets the connection.
      act: ({ socket, peer }) =>
        Promise.allSettled([peer.write(pattern(50_000)), peer.end(), socket.close()]),
    },
  ];

  it.each(endings)("hear of close exactly once and last after $ending", async ({ act }) => {
    await using scope = new Scope();
    const side = await open(scope);
    await act(side);
    await side.recorder.next("close");
    await turns();
    expect(side.recorder.count("close")).toBe(1);
    expect(side.recorder.names(side.socket).at(-1)).toBe("close");
    expect(side.socket.closed).toBe(true);
  });

  it("hear of no end and no error when we close the socket ourselves", async () => {
    await using scope = new Scope();
    const { socket, recorder } = await open(scope);
    await socket.close();
    await recorder.next("close");
    await turns();
    expect(recorder.names(socket)).toEqual(["open", "close"]);
  });

  it("hear of the peer's reset as error, then close", async () => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await open(scope);
    await peer.reset();
    await recorder.next("close");
    expect(recorder.names(socket)).toEqual(["open", "error", "close"]);
    expect((await recorder.next("error")).error!.code).toBe("ECONNRESET");
  });

  it("are never called inside a call of the program", async () => {
    await using scope = new Scope();
    let inside = false;
    const wrong: string[] = [];
    const note = (name: string) => () => {
      if (inside) wrong.push(name);
    };
    const recorder = new Recorder({
      open: note("open"),
      data: note("data"),
      drain: note("drain"),
      end: note("end"),
      error: note("error"),
      close: note("close"),
    });
    const { socket, peer } = await open(scope, recorder, { highWaterMark: 1000 });
    const call = (action: () => unknown) => {
      inside = true;
      action();
      inside = false;
    };
    await peer.write("already here");
    call(() => socket.pause());
    call(() => socket.resume());
    call(() => socket.write(pattern(5000)));
    await recorder.received(12);
    await peer.write("and more");
    await peer.end();
    call(() => socket.pause());
    call(() => socket.resume());
    call(() => socket.write(pattern(5000)));
    await recorder.next("end");
    call(() => void socket.shutdown());
    call(() => void socket.close());
    call(() => void socket.reset());
    await recorder.next("close");
    expect(wrong).toEqual([]);
  });

  it("are never called inside each other", async () => {
    await using scope = new Scope();
    let depth = 0;
    let deepest = 0;
    const within = (action: (socket: TcpSocket) => unknown) => (socket: TcpSocket) => {
      depth++;
      deepest = Math.max(deepest, depth);
      action(socket);
      depth--;
    };
    const recorder = new Recorder({
      open: within((socket) => socket.write(pattern(100_000))),
      data: within((socket) => {
        socket.pause();
        socket.write(pattern(100_000));
        socket.resume();
      }),
      drain: within((socket) => socket.write("drained")),
      end: within((socket) => {
        socket.write(pattern(100_000));
        void socket.close();
      }),
      close: within((socket) => void socket.close()),
    });
    const { peer } = await open(scope, recorder, { highWaterMark: 1000 });
    peer.socket.resume();
    await peer.write("go");
    await recorder.next("data");
    await peer.end();
    await recorder.next("close");
    expect(deepest).toBe(1);
  });

  it("get the same socket object every time", async () => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await open(scope);
    await peer.write("x");
    await recorder.next("data");
    await peer.end();
    await recorder.next("end");
    await socket.close();
    await recorder.next("close");
    for (const event of recorder.events) expect(event.source).toBe(socket);
  });

  const optional: EventName[] = ["end", "error", "close", "drain"];
  it.each(optional)("may leave out %s", async (name) => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await open(scope, new Recorder({}, [name]), { highWaterMark: 1 });
    socket.write(pattern(100_000));
    await peer.read(100_000);
    await peer.write("x");
    await recorder.received(1);
    await peer.reset();
    await until(() => socket.closed);
    await turns();
    const expected: EventName[] = ["open", "drain", "data", "error", "close"];
    const seen = recorder.names(socket);
    expect(seen.filter((event) => event !== "drain")).toEqual(
      expected.filter((event) => event !== name && event !== "drain"),
    );
    expect(seen).not.toContain(name);
  });
});

describe("handlers of which there are none", () => {
  it("make an accepted socket that goes with its peer", async () => {
    await using scope = new Scope();
    const listener = scope.use(await listen({ host: "127.0.0.1" }, {}));
    const peer = await netClient(scope, listener.address.port);
    await peer.write("nobody listens");
    await peer.end();
    expect(await peer.readToEnd()).toHaveLength(0);
  });

  it("make a connected socket that goes with its peer", async () => {
    await using scope = new Scope();
    const server = await netServer(scope);
    const [peer, socket] = await Promise.all([
      server.accept(),
      connect({ host: "127.0.0.1", port: server.port }, {}),
    ]);
    scope.use(socket);
    await peer.write("nobody listens");
    await peer.end();
    expect(await peer.readToEnd()).toHaveLength(0);
    await until(() => socket.closed);
  });
});

describe("the open handler", () => {
  it("is called before the promise of connect resolves, with the same socket", async () => {
    await using scope = new Scope();
    const server = await netServer(scope);
    let opened: TcpSocket | undefined;
    const socket = scope.use(
      await connect(
        { host: "127.0.0.1", port: server.port },
        {
          open(its) {
            opened = its;
          },
        },
      ),
    );
    expect(opened).toBe(socket);
  });

  it("is called once for each of 200 connections", async () => {
    await using scope = new Scope();
    const recorder = new Recorder();
    const listener = scope.use(await listen({ host: "127.0.0.1" }, recorder.handlers));
    await Promise.all(Array.from({ length: 200 }, () => netClient(scope, listener.address.port)));
    await recorder.next("open", 200);
    await turns();
    expect(new Set(recorder.events.map((event) => event.source)).size).toBe(200);
    expect(recorder.count("open")).toBe(200);
    await Promise.all(recorder.events.map((event) => (event.source as TcpSocket).close()));
  });

  it("may send at once, and the peer gets it", async () => {
    await using scope = new Scope();
    const { peer } = await pushAccepted(
      scope,
      new Recorder({ open: (socket) => void socket.write("welcome") }),
    );
    expect((await peer.read(7)).toString()).toBe("welcome");
  });

  it("comes before the data that arrived together with the connection", async () => {
    await using scope = new Scope();
    const recorder = new Recorder();
    const listener = scope.use(await listen({ host: "127.0.0.1" }, recorder.handlers));
    const peers = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const peer = await netClient(scope, listener.address.port);
        await peer.write("early");
        await peer.end();
        return peer;
      }),
    );
    await recorder.next("end", peers.length);
    const sockets = new Set(recorder.events.map((event) => event.source as TcpSocket));
    expect(sockets.size).toBe(50);
    for (const socket of sockets) {
      expect(recorder.names(socket)).toEqual(["open", "data", "end"]);
      expect(recorder.bytes(socket).toString()).toBe("early");
      await socket.close();
    }
  });

  it("already sees both addresses", async () => {
    await using scope = new Scope();
    let remotePort: number | undefined;
    let localPort: number | undefined;
    const recorder = new Recorder({
      open(socket) {
        remotePort = socket.remoteAddress?.port;
        localPort = socket.localAddress?.port;
      },
    });
    const { peer } = await pushAccepted(scope, recorder);
    expect(remotePort).toBe(peer.socket.localPort);
    expect(localPort).toBe(peer.socket.remotePort);
  });
});

describe("handlers shared by many connections", () => {
  it("see each connection's own story, whole and in order", async () => {
    await using scope = new Scope();
    const recorder = new Recorder({
      data: (socket, chunk) => void socket.write(chunk),
      end: (socket) => void socket.shutdown().then(() => socket.close()),
    });
    const listener = scope.use(await listen({ host: "127.0.0.1" }, recorder.handlers));
    await Promise.all(
      Array.from({ length: 60 }, async (_, index) => {
        const peer = await netClient(scope, listener.address.port);
        const message = pattern(1000 + index * 977, index);
        const reading = peer.readToEnd();
        await peer.write(message);
        await peer.end();
        expect(difference(await reading, message)).toBe("");
      }),
    );
    await recorder.next("close", 60);
    const sockets = new Set(recorder.events.map((event) => event.source as TcpSocket));
    expect(sockets.size).toBe(60);
    for (const socket of sockets) {
      expect(recorder.names(socket).filter((name) => name !== "drain")).toEqual([
        "open",
        "data",
        "end",
        "close",
      ]);
    }
  });

  it("serve several listeners and connects at once", async () => {
    await using scope = new Scope();
    const recorder = new Recorder();
    const first = scope.use(await listen({ host: "127.0.0.1" }, recorder.handlers));
    const second = scope.use(await listen({ host: "127.0.0.1" }, recorder.handlers));
    const one = scope.use(await connect({ host: "127.0.0.1", port: first.address.port }, recorder.handlers));
    const two = scope.use(await connect({ host: "127.0.0.1", port: second.address.port }, recorder.handlers));
    await recorder.next("open", 4);
    one.write("one");
    two.write("two");
    await recorder.received(6);
    expect(
      recorder.events.filter((event) => event.chunk).map((event) => Buffer.from(event.chunk!).toString()),
    ).toEqual(expect.arrayContaining(["one", "two"]));
    for (const event of recorder.events) await (event.source as TcpSocket).close();
  });
});

describe("a connect that fails in push style", () => {
  it("rejects its promise and calls no handler", async () => {
    await using scope = new Scope();
    const recorder = new Recorder();
    await failure(
      connect({ host: "127.0.0.1", port: await unusedPort() }, recorder.handlers),
      "ECONNREFUSED",
    );
    const listener = await echoListener(scope);
    await roundTrip(await netClient(scope, listener.address.port));
    expect(recorder.names()).toEqual([]);
  });

  it("by its signal rejects its promise and calls no handler", async () => {
    await using scope = new Scope();
    const server = await netServer(scope);
    const recorder = new Recorder();
    const controller = new AbortController();
    const connecting = failure(
      connect({ host: "127.0.0.1", port: server.port, signal: controller.signal }, recorder.handlers),
      "ECANCELED",
    );
    controller.abort();
    await connecting;
    await turns();
    expect(recorder.names()).toEqual([]);
  });
});

describe("what belongs to pull style", () => {
  const calls: [string, (socket: TcpSocket) => Promise<unknown>][] = [
    ["recv()", (socket) => socket.recv()],
    ["recvInto()", (socket) => socket.recvInto(new Uint8Array(8))],
    ["the iteration", (socket) => socket[Symbol.asyncIterator]().next()],
  ];
  it.each(calls)("%s is refused on a push-style socket, which goes on", async (_, call) => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await pushAccepted(scope);
    expect((await failure(call(socket), "ERR_INVALID_STATE")).message.length).toBeGreaterThan(20);
    await peer.write("still here");
    await recorder.received(10);
  });

  it("accept() and the iteration are refused on a push-style listener, which goes on", async () => {
    await using scope = new Scope();
    const listener = await echoListener(scope);
    await failure(listener.accept(), "ERR_INVALID_STATE");
    await failure(listener[Symbol.asyncIterator]().next(), "ERR_INVALID_STATE");
    await roundTrip(await netClient(scope, listener.address.port));
  });

  it("Operation.recv is refused on a push-style socket, which goes on", async () => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await pushAccepted(scope);
    const operation = CompletionPort.default.operation(() => {});
    expect(() => operation.recv(socket, new Uint8Array(8))).toThrow(
      expect.objectContaining({ code: "ERR_INVALID_STATE" }),
    );
    expect(operation.pending).toBe(false);
    await peer.write("still here");
    await recorder.received(10);
  });
});

describe("what both styles share", () => {
  it("send() tells in push style too that the operating system has taken all the bytes", async () => {
    await using scope = new Scope();
    const { socket, peer } = await pushAccepted(scope);
    expect(await socket.send(["grü", new Uint8Array([33])])).toBe(5);
    expect((await peer.read(5)).toString()).toBe("grü!");
  });

  it("send(), write() and shutdown() keep the order of the calls", async () => {
    await using scope = new Scope();
    const { socket, peer } = await pushConnected(scope);
    socket.write("1");
    const second = socket.send("2");
    socket.write("3");
    const fourth = socket.send("4");
    const ending = socket.shutdown();
    expect((await peer.readToEnd()).toString()).toBe("1234");
    expect(await Promise.all([second, fourth])).toEqual([1, 1]);
    await ending;
  });
});

describe("socket.data", () => {
  it("is undefined until the program sets it", async () => {
    await using scope = new Scope();
    const { socket } = await pushAccepted(scope);
    expect(socket.data).toBeUndefined();
  });

  it("set in open is there in every later handler, close included", async () => {
    await using scope = new Scope();
    const context = { name: "context" };
    const seen: unknown[] = [];
    const see = (socket: TcpSocket) => {
      seen.push(socket.data);
    };
    const recorder = new Recorder({
      open(socket) {
        socket.data = context;
      },
      data: see,
      end: see,
      close: see,
    });
    const { socket, peer } = await pushAccepted(scope, recorder);
    await peer.write("x");
    await recorder.next("data");
    await peer.end();
    await recorder.next("end");
    await socket.close();
    await recorder.next("close");
    expect(seen.length).toBeGreaterThanOrEqual(3);
    for (const value of seen) expect(value).toBe(context);
  });

  it("is each connection's own", async () => {
    await using scope = new Scope();
    let next = 0;
    const handlers: ListenHandlers = {
      open(socket) {
        socket.data = next++;
      },
      data(socket) {
        socket.write(`${socket.data};`);
      },
    };
    const listener = scope.use(await listen({ host: "127.0.0.1" }, handlers));
    const answers = await Promise.all(
      Array.from({ length: 40 }, async () => {
        const peer = await netClient(scope, listener.address.port);
        let answer = "";
        await peer.write("?");
        while (!answer.endsWith(";")) answer += await peer.next();
        await peer.end();
        return Number(answer.slice(0, -1));
      }),
    );
    expect(answers.sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, index) => index));
  });

  it.each([
    ["a string", "text"],
    ["null", null],
    ["a function", () => 1],
    ["a symbol", Symbol.for("portside")],
    ["a number", 0],
  ])("may be %s", async (_, value) => {
    await using scope = new Scope();
    const { socket } = await pushConnected(scope);
    socket.data = value;
    await turns(1);
    expect(socket.data).toBe(value);
  });

  it("stays after the socket is closed", async () => {
    await using scope = new Scope();
    const { socket } = await pushAccepted(scope);
    socket.data = "kept";
    await socket.close();
    expect(socket.data).toBe("kept");
  });
});
