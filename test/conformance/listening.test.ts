import { getEventListeners } from "node:events";
import { CompletionPort, connect, listen, type TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { receive } from "../support/bytes.js";
import { failure } from "../support/failure.js";
import { type NetPeer, netClient, onFreePort } from "../support/peers.js";
import { Bystander, echoListener, howItEnds, openHandles, roundTrip } from "../support/push.js";
import { Recorder } from "../support/recorder.js";
import { Scope } from "../support/scope.js";
import { turns, until, watch } from "../support/wait.js";

describe("a listener that closes", () => {
  it("ends all accepts that are pending with ECANCELED, in their order, before the close is done", async () => {
    const listener = await listen({ host: "127.0.0.1" });
    const order: string[] = [];
    for (let index = 0; index < 10; index++) {
      listener.accept().then(
        () => order.push("accepted"),
        (error) => order.push(`${index} ${error.code}`),
      );
    }
    await listener.close().then(() => order.push("closed"));
    expect(order).toEqual([...Array.from({ length: 10 }, (_, index) => `${index} ECANCELED`), "closed"]);
  });

  it("refuses new connections from then on", async () => {
    await using scope = new Scope();
    const listener = await echoListener(scope);
    await listener.close();
    await failure(connect({ host: "127.0.0.1", port: listener.address.port }), "ECONNREFUSED");
  });

  it("is closed from the moment of the call", async () => {
    const listener = await listen({ host: "127.0.0.1" });
    expect(listener.closed).toBe(false);
    const closing = listener.close();
    expect(listener.closed).toBe(true);
    await failure(listener.accept(), "EBADF");
    await closing;
    expect(listener.closed).toBe(true);
  });

  it("in push style calls open no more, and its connections go on", async () => {
    await using scope = new Scope();
    const recorder = new Recorder({ data: (socket, chunk) => void socket.write(chunk) }, ["end"]);
    const listener = await listen({ host: "127.0.0.1" }, recorder.handlers);
    const stays = await netClient(scope, listener.address.port);
    await roundTrip(stays);
    await listener.close();
    await failure(connect({ host: "127.0.0.1", port: listener.address.port }), "ECONNREFUSED");
    await roundTrip(stays);
    expect(recorder.count("open")).toBe(1);
    await stays.end();
    await recorder.next("close");
  });

  it("ends the connections that nobody has accepted: none of their peers waits for ever", async () => {
    await using scope = new Scope();
    const bystander = await Bystander.start(scope);
    const listener = await listen({ host: "127.0.0.1" });
    const peers = await Promise.all(
      Array.from({ length: 40 }, () => netClient(scope, listener.address.port)),
    );
    const accepted = scope.use(await listener.accept());
    await listener.close();
    // The one that was accepted stays; all others are over.
    const ends = peers.map(async (peer) => {
      await howItEnds(peer);
      return peer;
    });
    const rest = new Set(peers);
    const mine = peers.find((peer) => peer.socket.localPort === accepted.remoteAddress!.port)!;
    rest.delete(mine);
    await Promise.all(ends.filter((_, index) => peers[index] !== mine));
    expect(rest.size).toBe(39);
    await accepted.send("you are in");
    await accepted.close();
    await ends[peers.indexOf(mine)];
    await bystander.check();
  });

  it("with connections on their way settles every one of them, on both sides", async () => {
    await using _scope = new Scope();
    const before = openHandles();
    for (let round = 0; round < 10; round++) {
      const listener = await listen({ host: "127.0.0.1" });
      const { port } = listener.address;
      const accepting = Array.from({ length: 5 }, () =>
        listener.accept().then(
          (socket) => socket.close(),
          (error) => expect(error.code).toBe("ECANCELED"),
        ),
      );
      const connecting = Array.from({ length: 5 }, () =>
        connect({ host: "127.0.0.1", port }).then(
          async (socket) => {
            await socket.recv().catch((error) => expect(error.code).toMatch(/^(ECONNRESET|ECONNABORTED)$/));
            await socket.close();
          },
          (error) => expect(error.code).toMatch(/^(ECONNREFUSED|ECONNRESET)$/),
        ),
      );
      await turns(round);
      await listener.close();
      await Promise.all([...accepting, ...connecting]);
    }
    // Fewer, where something of an earlier test was still closing.
    await until(() => openHandles() <= before);
  });

  it("twice, and together with others, resolves every time", async () => {
    const listeners = await Promise.all(Array.from({ length: 20 }, () => listen({ host: "127.0.0.1" })));
    await Promise.all(listeners.flatMap((listener) => [listener.close(), listener.close()]));
    for (const listener of listeners) {
      await listener.close();
      await listener[Symbol.asyncDispose]();
      expect(listener.closed).toBe(true);
    }
  });

  it("leaves its port to the next one", async () => {
    await using scope = new Scope();
    const first = await listen({ host: "127.0.0.1" });
    const { port } = first.address;
    await first.close();
    const second = scope.use(await listen({ host: "127.0.0.1", port }));
    expect(second.address.port).toBe(port);
  });

  it("still says where it was", async () => {
    const listener = await listen({ host: "127.0.0.1" });
    const { port } = listener.address;
    await listener.close();
    expect(listener.address.port).toBe(port);
  });
});

describe("the signal of a listener", () => {
  it("closes it and ends its accepts, and its connections go on", async () => {
    await using scope = new Scope();
    const controller = new AbortController();
    const listener = await listen({ host: "127.0.0.1", signal: controller.signal });
    const [socket, peer] = await Promise.all([listener.accept(), netClient(scope, listener.address.port)]);
    scope.use(socket);
    const waiting = failure(listener.accept(), "ECANCELED");
    controller.abort();
    await waiting;
    expect(listener.closed).toBe(true);
    await listener.close();
    await failure(connect({ host: "127.0.0.1", port: listener.address.port }), "ECONNREFUSED");
    await socket.send("still here");
    expect((await peer.read(10)).toString()).toBe("still here");
  });

  it("closes a push-style listener, and its connections go on", async () => {
    await using scope = new Scope();
    const controller = new AbortController();
    const listener = await listen(
      { host: "127.0.0.1", signal: controller.signal },
      { data: (socket, chunk) => void socket.write(chunk) },
    );
    const peer = await netClient(scope, listener.address.port);
    await roundTrip(peer);
    controller.abort();
    await listener.close();
    await roundTrip(peer);
    await failure(connect({ host: "127.0.0.1", port: listener.address.port }), "ECONNREFUSED");
  });

  it("ends its iteration without an error", async () => {
    const controller = new AbortController();
    const listener = await listen({ host: "127.0.0.1", signal: controller.signal });
    const iterating = (async () => {
      for await (const socket of listener) await socket.close();
      return "ended";
    })();
    await turns();
    controller.abort();
    expect(await iterating).toBe("ended");
    await listener.close();
  });

  it("may close several listeners at once", async () => {
    const { signal, abort } = (() => {
      const controller = new AbortController();
      return { signal: controller.signal, abort: () => controller.abort() };
    })();
    const listeners = await Promise.all(
      Array.from({ length: 30 }, () => listen({ host: "127.0.0.1", signal })),
    );
    abort();
    for (const listener of listeners) {
      expect(listener.closed).toBe(true);
      await listener.close();
    }
  });

  it("has no effect any more once the listener is closed, and is let go", async () => {
    const controller = new AbortController();
    const listener = await listen({ host: "127.0.0.1", signal: controller.signal });
    expect(getEventListeners(controller.signal, "abort").length).toBeGreaterThan(0);
    await listener.close();
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
    controller.abort();
  });

  it("is let go when the listen fails", async () => {
    await using scope = new Scope();
    const first = scope.use(await listen({ host: "127.0.0.1" }));
    const { signal } = new AbortController();
    await failure(listen({ host: "127.0.0.1", port: first.address.port, signal }), "EADDRINUSE");
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });
});

describe("the iteration over a listener", () => {
  it("ends when the listener closes while a connection is being served", async () => {
    await using scope = new Scope();
    const listener = await listen({ host: "127.0.0.1" });
    const peer = await netClient(scope, listener.address.port);
    let served = 0;
    for await (const socket of listener) {
      served++;
      await socket.send("last one");
      await listener.close();
      await socket.close();
    }
    expect(served).toBe(1);
    expect((await peer.readToEnd()).toString()).toBe("last one");
  });

  it("is over at once on a listener that is closed already", async () => {
    const listener = await listen({ host: "127.0.0.1" });
    await listener.close();
    for await (const _ of listener) throw new Error("a connection out of nowhere");
  });

  it("twice at the same time gives every connection to one of the two", async () => {
    await using scope = new Scope();
    const listener = scope.use(await listen({ host: "127.0.0.1" }));
    const seen: TcpSocket[] = [];
    const iterate = async () => {
      for await (const socket of listener) seen.push(scope.use(socket));
    };
    const iterations = [iterate(), iterate()];
    await Promise.all(Array.from({ length: 20 }, () => netClient(scope, listener.address.port)));
    await until(() => seen.length >= 20);
    await turns();
    expect(new Set(seen).size).toBe(20);
    await listener.close();
    await Promise.all(iterations);
  });
});

describe("a listener", () => {
  it("counts what it accepts in the port's statistics", async () => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort());
    const recorder = new Recorder({}, ["end"]);
    const listener = await listen({ host: "127.0.0.1", completionPort: port }, recorder.handlers);
    const peers = await Promise.all(
      Array.from({ length: 25 }, () => netClient(scope, listener.address.port)),
    );
    await recorder.next("open", 25);
    expect(port.stats()).toMatchObject({ accepted: 25, handles: 26 });
    for (const peer of peers) await peer.end();
    await recorder.next("close", 25);
    await until(() => port.stats().handles === 1);
  });

  it("survives connections that are reset while they wait in the backlog", async () => {
    await using scope = new Scope();
    const recorder = new Recorder({ data: (socket, chunk) => void socket.write(chunk) }, ["end"]);
    const listener = scope.use(await listen({ host: "127.0.0.1" }, recorder.handlers));
    const peers = await Promise.all(
      Array.from({ length: 40 }, () => netClient(scope, listener.address.port)),
    );
    await Promise.all(peers.map((peer) => peer.reset()));
    const after = await netClient(scope, listener.address.port);
    await roundTrip(after);
    await until(() => recorder.count("close") === recorder.count("open") - 1);
    await after.end();
  });

  it("with a pending accept costs no turn while nobody comes", async () => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort());
    const listener = await listen({ host: "127.0.0.1", completionPort: port });
    const waiting = listener.accept();
    const state = watch(waiting);
    await turns();
    const { batches, completed } = port.stats();
    await turns(50);
    expect(port.stats()).toMatchObject({ batches, completed });
    expect(state.settled).toBe(false);
    const peer = await netClient(scope, listener.address.port);
    const socket = scope.use(await waiting);
    await peer.write("x");
    await receive(socket, 1);
  });

  it("in push style and one in pull style live side by side on one port object", async () => {
    await using scope = new Scope();
    const push = await echoListener(scope);
    const pull = scope.use(await listen({ host: "127.0.0.1" }));
    const peers: NetPeer[] = [];
    for (let round = 0; round < 5; round++) {
      const [socket, peer] = await Promise.all([pull.accept(), netClient(scope, pull.address.port)]);
      scope.use(socket);
      await socket.send("pulled");
      expect((await peer.read(6)).toString()).toBe("pulled");
      const other = await netClient(scope, push.address.port);
      await roundTrip(other);
      peers.push(peer, other);
    }
    expect(peers).toHaveLength(10);
  });

  it("on an explicit port that is free listens there", async () => {
    await using scope = new Scope();
    const { opened, port } = await onFreePort("127.0.0.1", (port) => listen({ host: "127.0.0.1", port }));
    const listener = scope.use(opened);
    expect(listener.address.port).toBe(port);
  });
});
