import { CompletionPort, connect, listen, type TcpListener, type TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { failure } from "../support/failure.js";
import { netClient } from "../support/peers.js";
import { Bystander, howItEnds, roundTrip } from "../support/push.js";
import { Recorder } from "../support/recorder.js";
import { Scope } from "../support/scope.js";
import { deferred, turns, until } from "../support/wait.js";

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
