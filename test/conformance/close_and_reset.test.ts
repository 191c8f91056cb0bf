import { CompletionPort, connect, listen, type TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { difference, pattern, receive, receiveToEnd } from "../support/bytes.js";
import { dropped } from "../support/dropped.js";
import { failure, PEER_GONE } from "../support/failure.js";
import { accepted, connected, narrow, pair, STALLING_SIZE } from "../support/peers.js";
import { Scope } from "../support/scope.js";
import { note, turns } from "../support/wait.js";

const endings = ["close", "reset"] as const;

describe.each(endings)("%s", (ending) => {
  it("ends every waiting receive with ECANCELED before it completes itself", async () => {
    await using scope = new Scope();
    const { socket } = await accepted(scope);
    const order: string[] = [];
    const pending = [
      note(order, "recv 1", socket.recv()),
      note(order, "recv 2", socket.recvInto(new Uint8Array(9))),
      note(order, "recv 3", socket.recv({ size: 5 })),
    ];
    await turns(3);
    await note(order, ending, socket[ending]());
    expect(await Promise.all(pending)).toEqual(["ECANCELED", "ECANCELED", "ECANCELED"]);
    expect(order).toEqual(["recv 1", "recv 2", "recv 3", ending]);
  });

  it("ends every waiting send and shutdown with ECANCELED before it completes itself", async () => {
    await using scope = new Scope();
    const { client } = await pair(scope, narrow);
    const order: string[] = [];
    const sends = [client.send(pattern(STALLING_SIZE)), client.send("never sent")] as const;
    const pending = [
      note(order, "send 1", sends[0]),
      note(order, "send 2", sends[1]),
      note(order, "shutdown", client.shutdown()),
    ];
    await turns();
    await note(order, ending, client[ending]());
    expect(await Promise.all(pending)).toEqual(["ECANCELED", "ECANCELED", "ECANCELED"]);
    const [first, second] = await Promise.all(sends.map(async (send) => (await failure(send)).bytesSent));
    expect(order).toEqual(["send 1", "send 2", "shutdown", ending]);
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThan(STALLING_SIZE);
    expect(second).toBe(0);
  });

  it("in the same tick as the submission leaves no operation without its completion", async () => {
    for (let round = 0; round < 30; round++) {
      await using scope = new Scope();
      const { client, server } = await pair(scope, narrow);
      await server.send("data that may or may not be received");
      let completions = 0;
      const count = () => {
        completions++;
      };
      const operations = [
        client.recv(),
        client.send("small"),
        client.send(pattern(STALLING_SIZE)),
        client.recvInto(new Uint8Array(4)),
        client.shutdown(),
      ].map((operation) => operation.then(count, count));
      await client[ending]();
      expect(completions).toBe(5);
      await Promise.all(operations);
      await turns(2);
      expect(completions).toBe(5);
    }
  });

  it.each(endings)("before a %s is harmless, and so is the same call again", async (second) => {
    await using scope = new Scope();
    const { socket } = await accepted(scope);
    const receiving = failure(socket.recv(), "ECANCELED");
    await Promise.all([socket[ending](), socket[second](), socket[ending]()]);
    await receiving;
    expect(socket.closed).toBe(true);
    await socket[second]();
    await socket[ending]();
  });

  it("makes every later submission fail with EBADF, and drops what is written", async () => {
    await using scope = new Scope();
    const { socket } = await accepted(scope);
    const port = CompletionPort.default;
    await socket[ending]();
    const { submitted, operations } = port.stats();
    await failure(socket.recv(), "EBADF");
    await failure(socket.recvInto(new Uint8Array(4)), "EBADF");
    await failure(socket.send("x"), "EBADF");
    await failure(socket.shutdown(), "EBADF");
    dropped(socket);
    // Refused submissions are none: they have no completion either.
    expect(port.stats()).toMatchObject({ submitted, operations });
  });

  it("makes submissions fail, and drops what is written, from the moment of the call", async () => {
    await using scope = new Scope();
    const { socket } = await accepted(scope);
    const done = socket[ending]();
    const refused = [failure(socket.recv(), "EBADF"), failure(socket.send("x"), "EBADF")];
    dropped(socket);
    await Promise.all([done, ...refused]);
  });

  it("of a thousand sockets with waiting receives ends each receive exactly once", async () => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort());
    const listener = scope.use(await listen({ host: "127.0.0.1", completionPort: port }));
    const sockets: TcpSocket[] = [];
    for (let index = 0; index < 500; index++) {
      const options = { host: "127.0.0.1", port: listener.address.port, completionPort: port };
      sockets.push(...(await Promise.all([listener.accept(), connect(options)])));
    }
    const log: string[] = [];
    const pending = sockets.map((socket) => note(log, "recv", socket.recv()));
    await turns(3);
    await Promise.all(sockets.map((socket) => socket[ending]()));
    // The end of a peer that closed first may be seen before our own close.
    for (const outcome of await Promise.all(pending))
      expect(outcome).toMatch(/^(ECANCELED|ECONNRESET|done)$/);
    expect(log).toHaveLength(1000);
    expect(port.stats()).toMatchObject({ handles: 1, operations: 0 });
  });

  it("makes an old handle an error and never somebody else's socket", async () => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort());
    const old: TcpSocket[] = [];
    for (let round = 0; round < 50; round++) {
      const { client, server } = await pair(scope, { completionPort: port });
      // The new sockets sit where the old ones sat.
      for (const socket of old) {
        await failure(socket.send("stale"), "EBADF");
        await failure(socket.recv(), "EBADF");
        await socket.close();
        await socket.reset();
      }
      await client.send("fresh");
      expect((await receive(server, 5)).toString()).toBe("fresh");
      await Promise.all([client[ending](), server[ending]()]);
      old.splice(0, old.length, client, server);
    }
  });
});

describe("close", () => {
  it("delivers everything that a completed send has handed over, then FIN", async () => {
    await using scope = new Scope();
    const { socket, peer } = await connected(scope);
    const data = pattern(60_000);
    await socket.send(data);
    await socket.close();
    expect(difference(await peer.readToEnd(), data)).toBe("");
    expect(peer.socket.errored).toBeNull();
  });

  it("of an untouched connection is an end of stream for the peer", async () => {
    await using scope = new Scope();
    const { socket, peer } = await connected(scope);
    await socket.close();
    expect(await peer.next()).toBeNull();
  });

  it("with bytes of the peer's unread is a reset for the peer, which they have not reached", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    await peer.write("12345");
    expect(await socket.recvInto(new Uint8Array(1))).toBe(1); // so the others are there, too
    await socket.close();
    expect(await peer.closed).toMatch(PEER_GONE);
  });

  it("discards what write() had queued beyond what the operating system took", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    const data = pattern(STALLING_SIZE);
    client.write(data);
    await turns();
    expect(client.writableLength).toBeGreaterThan(0);
    await client.close();
    const got = await receiveToEnd(server);
    expect(got.length).toBeLessThan(data.length);
    expect(difference(got, data.subarray(0, got.length))).toBe("");
  });

  it("after shutdown() loses nothing that was written", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    const data = pattern(STALLING_SIZE);
    client.write(data);
    const closing = client.shutdown().then(() => client.close());
    expect(difference(await receiveToEnd(server), data)).toBe("");
    await closing;
  });

  it("by the peer ends our receives with the end of the stream, not with an error", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope);
    const pending = [client.recv(), client.recv()];
    await turns(3);
    await server.close();
    expect(await Promise.all(pending)).toEqual([null, null]);
  });

  it("happens at the end of an await using block", async () => {
    await using scope = new Scope();
    const { socket, peer } = await connected(scope);
    {
      await using inner = socket;
      await inner.send("bye");
    }
    expect(socket.closed).toBe(true);
    expect((await peer.readToEnd()).toString()).toBe("bye");
  });

  it("inside the continuation of any operation is safe", async () => {
    await using scope = new Scope();
    const { socket: receiver, peer } = await connected(scope);
    await peer.write("x");
    await receiver.recv().then(() => receiver.close());
    const { socket: sender } = await connected(scope);
    await sender.send("x").then(() => sender.close());
    const { socket: ender } = await connected(scope);
    await ender.shutdown().then(() => ender.close());
    const listener = await listen({ host: "127.0.0.1" });
    const accepting = listener.accept().then((socket) => Promise.all([socket.close(), listener.close()]));
    await connect({ host: "127.0.0.1", port: listener.address.port }).then((socket) => socket.close());
    await accepting;
    for (const handle of [receiver, sender, ender, listener]) expect(handle.closed).toBe(true);
  });
});

describe("reset", () => {
  it("is a connection reset for the peer", async () => {
    await using scope = new Scope();
    const { socket, peer } = await connected(scope);
    await socket.reset();
    expect(await peer.closed).toBe("ECONNRESET");
  });

  it("ends the peer's waiting receives and sends with an error", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    const receiving = failure(client.recv(), "ECONNRESET");
    const sending = failure(client.send(pattern(STALLING_SIZE)), PEER_GONE);
    await turns(5);
    await server.reset();
    await Promise.all([receiving, sending]);
  });

  it("does not wait for bytes that the peer does not read", async () => {
    await using scope = new Scope();
    const { client } = await pair(scope, narrow);
    const sending = failure(client.send(pattern(STALLING_SIZE)), "ECANCELED");
    await turns();
    await client.reset();
    await sending;
    expect(client.closed).toBe(true);
  });
});
