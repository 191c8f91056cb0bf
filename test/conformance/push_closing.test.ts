import {
  CompletionPort,
  connect,
  listen,
  type PortsideError,
  type SocketHandlers,
  type TcpListener,
  type TcpSocket,
} from "portside";
import { describe, expect, it } from "vitest";
import { difference, pattern, receive, receiveToEnd } from "../support/bytes.js";
import { failure, thrown } from "../support/failure.js";
import { narrow, netClient, netServer, STALLING_SIZE } from "../support/peers.js";
import {
  Bystander,
  echoListener,
  howItEnds,
  pushAccepted,
  pushPair,
  roundTrip,
  sides,
} from "../support/push.js";
import { Recorder } from "../support/recorder.js";
import { Scope } from "../support/scope.js";
import { deferred, turns, until } from "../support/wait.js";

type Kind = Exclude<keyof SocketHandlers, "open">;

const kinds: Kind[] = ["data", "drain", "end", "error", "close"];
const ways = kinds.flatMap((kind) => [
  { way: "close" as const, kind },
  { way: "reset" as const, kind },
]);

describe.each(sides)("inside the handlers of $side", ({ open }) => {
  it.each(ways)("$way() in $kind is followed by close alone, once", async ({ way, kind }) => {
    await using scope = new Scope();
    const bystander = await Bystander.start(scope);
    const ended: Promise<void>[] = [];
    const recorder = new Recorder({ [kind]: (socket: TcpSocket) => void ended.push(socket[way]()) });
    const { socket, peer } = await open(scope, recorder, { ...narrow, highWaterMark: 1 });
    if (kind === "data") await peer.write("x");
    if (kind === "drain") {
      socket.write(pattern(STALLING_SIZE));
      peer.socket.resume();
    }
    if (kind === "end") await peer.end();
    if (kind === "error") await peer.reset();
    if (kind === "close") await socket.close();
    await recorder.next("close");
    await Promise.all(ended);
    await bystander.check();
    await turns();
    expect(ended).toHaveLength(1);
    expect(recorder.names(socket)).toEqual(kind === "close" ? ["open", kind] : ["open", kind, "close"]);
    expect(socket.closed).toBe(true);
  });

  it.each(["data", "end", "drain"] as const)("reset() in %s is a reset for the peer", async (kind) => {
    await using scope = new Scope();
    const recorder = new Recorder({ [kind]: (socket: TcpSocket) => void socket.reset() });
    const { socket, peer } = await open(scope, recorder, { ...narrow, highWaterMark: 1 });
    if (kind === "data") await peer.write("x");
    if (kind === "end") await peer.end();
    if (kind === "drain") socket.write(pattern(STALLING_SIZE));
    expect(await howItEnds(peer)).toBe("reset");
    await recorder.next("close");
  });

  it.each(["data", "end"] as const)("close() in %s is a FIN for the peer", async (kind) => {
    await using scope = new Scope();
    const recorder = new Recorder({ [kind]: (socket: TcpSocket) => void socket.close() });
    const { peer } = await open(scope, recorder);
    if (kind === "data") await peer.write("x");
    if (kind === "end") await peer.end();
    expect(await howItEnds(peer)).toBe("end");
    await recorder.next("close");
  });

  it("no data comes after close() was called, although more has arrived", async () => {
    await using scope = new Scope();
    const recorder = new Recorder({ data: (socket) => void socket.close() });
    const { socket, peer } = await open(scope, recorder);
    peer.socket.on("error", () => {});
    peer.socket.write(pattern(1_000_000));
    await recorder.next("close");
    await turns();
    expect(recorder.count("data")).toBe(1);
    expect(recorder.names(socket)).toEqual(["open", "data", "close"]);
  });

  it("what was written before close() in the same handler arrives", async () => {
    await using scope = new Scope();
    const recorder = new Recorder({
      data(socket) {
        socket.write("answer, ");
        socket.write("and goodbye");
        void socket.close();
      },
    });
    const { peer } = await open(scope, recorder);
    await peer.write("question");
    expect((await peer.readToEnd()).toString()).toBe("answer, and goodbye");
  });

  it("a new connection can be opened in close", async () => {
    await using scope = new Scope();
    const echo = await echoListener(scope);
    let again: Promise<TcpSocket> | undefined;
    const second = new Recorder();
    const recorder = new Recorder({
      close() {
        again = connect({ host: "127.0.0.1", port: echo.address.port }, second.handlers);
      },
    });
    const { socket } = await open(scope, recorder);
    await socket.close();
    await recorder.next("close");
    const fresh = scope.use(await again!);
    expect(fresh).not.toBe(socket);
    fresh.write("hello again");
    expect((await second.received(11)).toString()).toBe("hello again");
    expect(recorder.names()).toEqual(["open", "close"]);
  });

  it("a closed socket refuses everything in close", async () => {
    await using scope = new Scope();
    const codes: string[] = [];
    const recorder = new Recorder({
      close(socket) {
        codes.push(thrown(() => socket.write("x")).code);
        for (const refused of [socket.send("x"), socket.shutdown()]) {
          refused.catch((error) => codes.push(error.code));
        }
      },
    });
    const { socket } = await open(scope, recorder);
    await socket.close();
    await until(() => codes.length === 3);
    expect(codes).toEqual(["EBADF", "EBADF", "EBADF"]);
  });
});

describe("closing in push style", () => {
  it("ends pending send()s and shutdown() with ECANCELED before the close is done", async () => {
    await using scope = new Scope();
    const { socket } = await pushPair(scope, new Recorder(), narrow);
    const order: string[] = [];
    const note = (name: string) => (error: PortsideError) => void order.push(`${name} ${error.code}`);
    for (let index = 0; index < 5; index++) socket.send(pattern(STALLING_SIZE)).catch(note(`send ${index}`));
    socket.shutdown().catch(note("shutdown"));
    await turns();
    await socket.close().then(() => order.push("close"));
    expect(order).toEqual([
      ...Array.from({ length: 5 }, (_, index) => `send ${index} ECANCELED`),
      "shutdown ECANCELED",
      "close",
    ]);
  });

  it("twice resolves both times, at the same moment and afterwards", async () => {
    await using scope = new Scope();
    const { socket, recorder } = await pushAccepted(scope);
    await Promise.all([socket.close(), socket.close(), socket.reset()]);
    await socket.close();
    await socket.reset();
    await turns();
    expect(recorder.count("close")).toBe(1);
  });

  it("has called the close handler by the time its promise resolves", async () => {
    await using scope = new Scope();
    const { socket, recorder } = await pushAccepted(scope);
    await socket.close();
    expect(recorder.count("close")).toBe(1);
  });

  it("a paused socket that has data waiting works", async () => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await pushAccepted(scope);
    socket.pause();
    await peer.write("waiting");
    await turns();
    await socket.reset();
    expect(await howItEnds(peer)).toBe("reset");
    expect(recorder.names(socket)).toEqual(["open", "close"]);
  });
});

/** A push-style listener and `count` node:net clients, all connected. */
async function crowd(scope: Scope, recorder: Recorder, count: number) {
  const listener = scope.use(await listen({ host: "127.0.0.1" }, recorder.handlers));
  const peers = await Promise.all(
    Array.from({ length: count }, () => netClient(scope, listener.address.port)),
  );
  await recorder.next("open", count);
  const sockets = recorder.events
    .filter((event) => event.name === "open")
    .map((event) => scope.use(event.source as TcpSocket));
  return { listener, peers, sockets };
}

describe("closing other sockets inside a handler", () => {
  it.each(["close", "reset"] as const)(
    "with %s() ends them all, without any more data for them",
    async (way) => {
      await using scope = new Scope();
      const everyone: TcpSocket[] = [];
      let trigger: TcpSocket | undefined;
      const recorder = new Recorder({
        open: (socket) => void everyone.push(socket),
        data(socket) {
          trigger ??= socket;
          if (trigger === socket) for (const other of everyone) if (other !== socket) void other[way]();
        },
      });
      const { peers, sockets } = await crowd(scope, recorder, 50);
      for (const peer of peers) {
        peer.socket.on("error", () => {});
        peer.socket.write("x");
      }
      await recorder.next("close", 49);
      await turns();
      for (const socket of sockets) {
        expect(recorder.names(socket)).toEqual(socket === trigger ? ["open", "data"] : ["open", "close"]);
      }
    },
  );

  it("leaves the socket of the handler and later ones alone", async () => {
    await using scope = new Scope();
    const recorder = new Recorder({
      data(socket, chunk) {
        for (const event of recorder.events) {
          if (event.name === "open" && event.source !== socket) void (event.source as TcpSocket).close();
        }
        socket.write(chunk);
      },
    });
    const { listener, peers } = await crowd(scope, recorder, 10);
    await roundTrip(peers[3]!);
    await recorder.next("close", 9);
    await roundTrip(peers[3]!);
    await roundTrip(await netClient(scope, listener.address.port));
  });

  it("in a circle ends each of them once", async () => {
    await using scope = new Scope();
    const everyone: TcpSocket[] = [];
    const recorder = new Recorder({
      open: (socket) => void everyone.push(socket),
      data: (socket) => void everyone[(everyone.indexOf(socket) + 1) % everyone.length]!.close(),
      close: (socket) => void everyone[(everyone.indexOf(socket) + 1) % everyone.length]!.close(),
    });
    const { peers, sockets } = await crowd(scope, recorder, 30);
    await peers[0]!.write("x");
    await recorder.next("close", 30);
    await turns();
    expect(recorder.count("close")).toBe(30);
    for (const socket of sockets) expect(recorder.names(socket).at(-1)).toBe("close");
  });

  it("300 at once ends each of them once and nobody else", async () => {
    await using scope = new Scope();
    const bystander = await Bystander.start(scope);
    let command: TcpSocket | undefined;
    const recorder = new Recorder({
      data(socket) {
        command = socket;
        for (const event of recorder.events) {
          if (event.name === "open") void (event.source as TcpSocket).close();
        }
      },
    });
    const { peers, sockets } = await crowd(scope, recorder, 300);
    await peers[150]!.write("all of you");
    await recorder.next("close", 300);
    await bystander.check();
    await turns();
    expect(recorder.count("close")).toBe(300);
    for (const socket of sockets) {
      expect(recorder.names(socket)).toEqual(
        socket === command ? ["open", "data", "close"] : ["open", "close"],
      );
    }
  });

  it("never hands a new connection the events of an old one", async () => {
    await using scope = new Scope();
    // Every round closes sockets and opens others in the same batch, so that their slots are used again.
    const recorder = new Recorder({
      data(socket, chunk) {
        expect(socket.data).toBe(Buffer.from(chunk).toString());
        void socket.close();
      },
    });
    const listener = scope.use(await listen({ host: "127.0.0.1" }, recorder.handlers));
    for (let round = 0; round < 10; round++) {
      await Promise.all(
        Array.from({ length: 20 }, async (_, index) => {
          const name = `${round}.${index}`;
          const peer = await netClient(scope, listener.address.port);
          await until(() =>
            recorder.events.some(
              (event) => (event.source as TcpSocket).remoteAddress?.port === peer.socket.localPort,
            ),
          );
          const opened = recorder.events.findLast(
            (event) =>
              event.name === "open" &&
              (event.source as TcpSocket).remoteAddress?.port === peer.socket.localPort,
          );
          (opened!.source as TcpSocket).data = name;
          await peer.write(name);
          expect(await peer.readToEnd()).toHaveLength(0);
        }),
      );
    }
    await recorder.next("close", 200);
    expect(recorder.bytes().length).toBe(10 * (10 * 3 + 10 * 4));
  });
});

describe("closing a listener inside a handler", () => {
  it.each(["open", "data", "end", "close"] as const)(
    "in %s closes it, and its connections go on",
    async (kind) => {
      await using scope = new Scope();
      const closed = deferred();
      let listener: TcpListener | undefined;
      const recorder = new Recorder({
        data: (socket, chunk) => void socket.write(chunk),
        end: (socket) => void socket.close(),
      });
      const original = recorder.handlers[kind] as (socket: TcpSocket, chunk: Uint8Array) => void;
      recorder.handlers[kind] = (socket: TcpSocket, chunk?: Uint8Array) => {
        listener!.close().then(closed.resolve, closed.reject);
        original(socket, chunk!);
      };
      listener = scope.use(await listen({ host: "127.0.0.1" }, recorder.handlers));
      const stays = await netClient(scope, listener.address.port);
      if (kind === "end" || kind === "close") {
        await roundTrip(stays);
        const goes = await netClient(scope, listener.address.port);
        await roundTrip(goes);
        await goes.end();
      }
      await roundTrip(stays);
      await closed.promise;
      expect(listener.closed).toBe(true);
      await failure(connect({ host: "127.0.0.1", port: listener.address.port }), "ECONNREFUSED");
      await roundTrip(stays);
    },
  );

  it("in open of the first of many leaves each connection either opened or ended", async () => {
    await using scope = new Scope();
    let listener: TcpListener | undefined;
    const recorder = new Recorder({
      open: () => void listener!.close(),
      data: (socket, chunk) => void socket.write(chunk),
      end: (socket) => void socket.close(),
    });
    listener = scope.use(await listen({ host: "127.0.0.1" }, recorder.handlers));
    const port = listener.address.port;
    const results = await Promise.all(
      Array.from({ length: 50 }, async () => {
        try {
          const peer = await netClient(scope, port);
          await roundTrip(peer);
          await peer.end();
          return "echoed";
        } catch {
          return "ended";
        }
      }),
    );
    const echoed = results.filter((result) => result === "echoed").length;
    expect(echoed).toBeGreaterThanOrEqual(1);
    await recorder.next("close", echoed);
    await turns();
    expect(recorder.count("open")).toBe(recorder.count("close"));
    expect(listener.closed).toBe(true);
  });
});

describe("closing the whole port inside a handler", () => {
  it.each(["open", "data", "end", "error", "close"] as const)(
    "in %s ends all its sockets, each with close once",
    async (kind) => {
      await using scope = new Scope();
      const bystander = await Bystander.start(scope);
      const port = scope.use(new CompletionPort());
      let closing: Promise<void> | undefined;
      let ready = kind === "open";
      const recorder = new Recorder({
        [kind]: () => {
          if (ready) closing ??= port.close();
        },
      });
      const listener = await listen({ host: "127.0.0.1", completionPort: port }, recorder.handlers);
      const peers =
        kind === "open"
          ? [await netClient(scope, listener.address.port)]
          : await Promise.all(Array.from({ length: 8 }, () => netClient(scope, listener.address.port)));
      await recorder.next("open", peers.length);
      ready = true;
      if (kind === "data") await peers[2]!.write("x");
      if (kind === "end") await peers[2]!.end();
      if (kind === "error") await peers[2]!.reset();
      if (kind === "close") await (recorder.events[0]!.source as TcpSocket).close();
      await until(() => closing !== undefined);
      await closing;
      expect(port.closed).toBe(true);
      expect(listener.closed).toBe(true);
      await Promise.all(peers.map((peer) => howItEnds(peer)));
      await bystander.check();
      for (const event of recorder.events.filter((its) => its.name === "open")) {
        expect(recorder.names(event.source).filter((name) => name === "close")).toHaveLength(1);
        expect(recorder.names(event.source).at(-1)).toBe("close");
      }
    },
  );
});

describe.each(["close", "reset"] as const)("%s() in the open handler", (way) => {
  it("of an accepted socket is followed by close alone", async () => {
    await using scope = new Scope();
    const recorder = new Recorder({ open: (socket) => void socket[way]() });
    const listener = scope.use(await listen({ host: "127.0.0.1" }, recorder.handlers));
    // A reset that is quick enough makes the client's connect itself fail.
    await netClient(scope, listener.address.port).then(howItEnds, () => {});
    await recorder.next("close");
    await turns();
    expect(recorder.names()).toEqual(["open", "close"]);
  });

  it("of a connected socket is followed by close alone, and the promise resolves", async () => {
    await using scope = new Scope();
    const bystander = await Bystander.start(scope);
    const server = await netServer(scope);
    const recorder = new Recorder({ open: (socket) => void socket[way]() });
    const socket = await connect({ host: "127.0.0.1", port: server.port }, recorder.handlers);
    await recorder.next("close");
    await bystander.check();
    await turns();
    expect(socket.closed).toBe(true);
    expect(recorder.names()).toEqual(["open", "close"]);
  });
});

describe("what was written before a close", () => {
  it("arrives as far as the operating system took it, in order and followed by FIN", async () => {
    await using scope = new Scope();
    const { socket, client } = await pushPair(scope, new Recorder(), narrow);
    const data = pattern(STALLING_SIZE);
    socket.write(data);
    await turns();
    const taken = STALLING_SIZE - socket.writableLength;
    await socket.close();
    const received = await receiveToEnd(client);
    expect(received.length).toBeGreaterThanOrEqual(taken);
    expect(received.length).toBeLessThan(STALLING_SIZE);
    expect(difference(received, data.subarray(0, received.length))).toBe("");
  });

  it("arrives whole when shutdown() has completed before", async () => {
    await using scope = new Scope();
    const { socket, client } = await pushPair(scope, new Recorder(), narrow);
    socket.write(pattern(STALLING_SIZE));
    const reading = receive(client, STALLING_SIZE);
    await socket.shutdown();
    await socket.close();
    await reading;
    expect(await client.recv()).toBeNull();
  });
});
