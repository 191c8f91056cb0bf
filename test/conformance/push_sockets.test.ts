import { CompletionPort, connect, type ListenHandlers, listen, type TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { difference, pattern } from "../support/bytes.js";
import { failure } from "../support/failure.js";
import { netClient, netServer, refusingPort } from "../support/peers.js";
import { echoListener, pushAccepted, pushConnected, roundTrip } from "../support/push.js";
import { Recorder } from "../support/recorder.js";
import { Scope } from "../support/scope.js";
import { turns } from "../support/wait.js";

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
      connect({ host: "127.0.0.1", port: await refusingPort(scope) }, recorder.handlers),
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
