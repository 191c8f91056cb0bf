import { connect, listen, type TcpListener, type TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { receiveToEnd } from "../support/bytes.js";
import { failure } from "../support/failure.js";
import { hasIpv6, type NetPeer, netClient } from "../support/peers.js";
import { Scope } from "../support/scope.js";
import { note, turns, watch } from "../support/wait.js";

const loopback = { host: "127.0.0.1" };

/** Connects one client after the other, so that their order is known; gives their local ports. */
async function connectInTurn(scope: Scope, listener: TcpListener, count: number): Promise<NetPeer[]> {
  const peers: NetPeer[] = [];
  for (let index = 0; index < count; index++) peers.push(await netClient(scope, listener.address.port));
  return peers;
}

const ports = (peers: NetPeer[]) => peers.map((peer) => peer.socket.localPort);

describe("a listener", () => {
  it("says on which address and free port it listens", async () => {
    await using scope = new Scope();
    const listener = scope.use(await listen(loopback));
    expect(listener.address).toEqual({ address: "127.0.0.1", family: "IPv4", port: expect.any(Number) });
    expect(listener.address.port).toBeGreaterThan(0);
    expect(listener.closed).toBe(false);
  });

  it.skipIf(!hasIpv6)("listens on IPv6 (this needs ::1 on the loopback)", async () => {
    await using scope = new Scope();
    const listener = scope.use(await listen({ host: "::1" }));
    expect(listener.address).toEqual({ address: "::1", family: "IPv6", port: expect.any(Number) });
    const [socket, peer] = await Promise.all([
      listener.accept(),
      netClient(scope, listener.address.port, "::1"),
    ]);
    scope.use(socket);
    expect(socket.remoteAddress).toEqual({ address: "::1", family: "IPv6", port: peer.socket.localPort });
  });

  it("on a port that is in use is refused with EADDRINUSE, the address and the port", async () => {
    await using scope = new Scope();
    const listener = scope.use(await listen(loopback));
    const error = await failure(listen({ ...loopback, port: listener.address.port }), "EADDRINUSE");
    expect(error).toMatchObject({ address: "127.0.0.1", port: listener.address.port });
    expect(error.syscall).toMatch(/^(bind|listen)$/);
    expect(error.errno).toEqual(expect.any(Number));
  });

  it("frees its port when it closes", async () => {
    await using scope = new Scope();
    const first = await listen(loopback);
    await first.close();
    const second = scope.use(await listen({ ...loopback, port: first.address.port }));
    expect(second.address.port).toBe(first.address.port);
  });

  it("that closes leaves the connections alone that it accepted", async () => {
    await using scope = new Scope();
    const listener = await listen(loopback);
    const [socket, peer] = await Promise.all([listener.accept(), netClient(scope, listener.address.port)]);
    scope.use(socket);
    await listener.close();
    await socket.send("still here");
    expect((await peer.read(10)).toString()).toBe("still here");
  });

  it("may be closed twice, and at the same time", async () => {
    const listener = await listen(loopback);
    await Promise.all([listener.close(), listener.close()]);
    await listener.close();
    expect(listener.closed).toBe(true);
  });

  it("is closed at the end of an await using block", async () => {
    let kept: TcpListener;
    {
      await using listener = await listen(loopback);
      kept = listener;
    }
    expect(kept.closed).toBe(true);
  });

  it("is not opened when the signal is already aborted", async () => {
    const error = await failure(listen({ ...loopback, signal: AbortSignal.abort("why not") }), "ECANCELED");
    expect(error.name).toBe("AbortError");
    expect(error.cause).toBe("why not");
  });

  it("closes when its signal aborts, and its pending accepts end with ECANCELED", async () => {
    await using scope = new Scope();
    const controller = new AbortController();
    const listener = scope.use(await listen({ ...loopback, signal: controller.signal }));
    const pending = failure(listener.accept(), "ECANCELED");
    controller.abort();
    await pending;
    expect(listener.closed).toBe(true);
    await failure(listener.accept(), "EBADF");
  });
});

describe("an accept", () => {
  it("gives a socket that knows both addresses", async () => {
    await using scope = new Scope();
    const listener = scope.use(await listen(loopback));
    const peer = await netClient(scope, listener.address.port);
    const socket = scope.use(await listener.accept());
    expect(socket.localAddress).toEqual(listener.address);
    expect(socket.remoteAddress).toEqual({
      address: "127.0.0.1",
      family: "IPv4",
      port: peer.socket.localPort,
    });
    expect(socket.closed).toBe(false);
    expect(socket.data).toBeUndefined();
  });

  it("submitted before the connection waits for it", async () => {
    await using scope = new Scope();
    const listener = scope.use(await listen(loopback));
    const pending = listener.accept();
    const state = watch(pending);
    await turns();
    expect(state.settled).toBe(false);
    const peer = await netClient(scope, listener.address.port);
    expect(scope.use(await pending).remoteAddress!.port).toBe(peer.socket.localPort);
  });

  it("takes the connections of the backlog in their order", async () => {
    await using scope = new Scope();
    const listener = scope.use(await listen(loopback));
    const peers = await connectInTurn(scope, listener, 12);
    const accepted: number[] = [];
    for (let index = 0; index < 12; index++) {
      accepted.push(scope.use(await listener.accept()).remoteAddress!.port);
    }
    expect(accepted).toEqual(ports(peers));
  });

  it("outstanding several times gives one connection each, in the order of submission", async () => {
    await using scope = new Scope();
    const listener = scope.use(await listen(loopback));
    const completed: number[] = [];
    const pending = Array.from({ length: 12 }, async (_, index) => {
      const socket = scope.use(await listener.accept());
      completed.push(index);
      return socket.remoteAddress!.port;
    });
    const peers = await connectInTurn(scope, listener, 12);
    expect(await Promise.all(pending)).toEqual(ports(peers));
    expect(completed).toEqual(Array.from({ length: 12 }, (_, index) => index));
  });

  it("never gives a connection twice and never loses one", async () => {
    await using scope = new Scope();
    const listener = scope.use(await listen(loopback));
    const clients = Array.from({ length: 200 }, () =>
      connect({ host: "127.0.0.1", port: listener.address.port }),
    );
    // Half the accepts are there before the connections, half come after.
    const accepts = Array.from({ length: 100 }, () => listener.accept());
    const connected = (await Promise.all(clients)).map((socket) => scope.use(socket));
    accepts.push(...Array.from({ length: 100 }, () => listener.accept()));
    const accepted = (await Promise.all(accepts)).map((socket) => scope.use(socket));
    const sorted = (list: (number | undefined)[]) => list.toSorted((a, b) => a! - b!);
    expect(sorted(accepted.map((socket) => socket.remoteAddress?.port))).toEqual(
      sorted(connected.map((socket) => socket.localAddress?.port)),
    );
  });

  it("gives a connection with all its bytes although the peer has already ended it", async () => {
    await using scope = new Scope();
    const listener = scope.use(await listen(loopback));
    const peer = await netClient(scope, listener.address.port);
    await peer.write("hit and run");
    await peer.end();
    const socket = scope.use(await listener.accept());
    expect((await receiveToEnd(socket)).toString()).toBe("hit and run");
  });

  it("goes on after connections that were reset while they waited", async () => {
    await using scope = new Scope();
    const listener = scope.use(await listen(loopback));
    const gone = await connectInTurn(scope, listener, 5);
    for (const peer of gone) await peer.reset();
    const alive = await netClient(scope, listener.address.port);
    // Some kernels drop such connections, others hand them out: dead, but connections all the same.
    let socket: TcpSocket;
    let seen = 0;
    do {
      socket = scope.use(await listener.accept());
      seen++;
      const outcome = socket.remoteAddress?.port === alive.socket.localPort ? "alive" : await ending(socket);
      expect(outcome).toMatch(/^(alive|end|ECONNRESET)$/);
    } while (socket.remoteAddress?.port !== alive.socket.localPort);
    expect(seen).toBeLessThanOrEqual(6);
    await socket.send("hello");
    expect((await alive.read(5)).toString()).toBe("hello");
  });

  it("pending when the listener closes ends with ECANCELED before the close is done", async () => {
    const listener = await listen(loopback);
    const order: string[] = [];
    const accepts = Array.from({ length: 5 }, (_, index) =>
      note(order, `accept ${index}`, listener.accept()),
    );
    await turns(3);
    const closing = note(order, "closed", listener.close());
    expect(await Promise.all(accepts)).toEqual(Array(5).fill("ECANCELED"));
    await closing;
    expect(order).toEqual(["accept 0", "accept 1", "accept 2", "accept 3", "accept 4", "closed"]);
  });

  it("on a closed listener says EBADF", async () => {
    const listener = await listen(loopback);
    await listener.close();
    await failure(listener.accept(), "EBADF");
  });

  it("on a listener with handlers says ERR_INVALID_STATE", async () => {
    await using scope = new Scope();
    const listener = scope.use(await listen(loopback, { open() {} }));
    await failure(listener.accept(), "ERR_INVALID_STATE");
  });

  it.each<[string, unknown, string]>([
    ["a signal that is none", { signal: 5 }, "ERR_INVALID_ARG_TYPE"],
    ["an unknown option", { host: "x" }, "ERR_INVALID_ARG_VALUE"],
    ["options that are no object", "x", "ERR_INVALID_ARG_TYPE"],
  ])("with %s is refused and takes no connection", async (_, options, code) => {
    await using scope = new Scope();
    const listener = scope.use(await listen(loopback));
    await failure(listener.accept(options as never), code);
    const [socket] = await Promise.all([listener.accept(), netClient(scope, listener.address.port)]);
    scope.use(socket);
  });
});

describe("the iteration over a listener", () => {
  it("gives every connection, and ends when the listener closes", async () => {
    await using scope = new Scope();
    const listener = scope.use(await listen(loopback));
    const accepted: number[] = [];
    const iterating = (async () => {
      for await (const socket of listener) {
        accepted.push(scope.use(socket).remoteAddress!.port);
        if (accepted.length === 20) void listener.close();
      }
    })();
    const peers = await connectInTurn(scope, listener, 20);
    await iterating;
    expect(accepted).toEqual(ports(peers));
  });

  it("ends at once on a listener that is closed while it waits", async () => {
    const listener = await listen(loopback);
    const iterating = (async () => {
      for await (const _ of listener) throw new Error("nobody connected");
    })();
    await turns(3);
    await listener.close();
    await iterating;
  });
});

async function ending(socket: TcpSocket): Promise<string> {
  return socket.recv().then(
    (chunk) => (chunk === null ? "end" : "bytes"),
    (error) => error.code as string,
  );
}
