import { CompletionPort, listen, type TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { difference, pattern, receive } from "../support/bytes.js";
import { netClient } from "../support/peers.js";
import { run } from "../support/programs.js";
import { roundTrip } from "../support/push.js";
import { Recorder } from "../support/recorder.js";
import { Scope } from "../support/scope.js";
import { turns, until } from "../support/wait.js";

const COUNT = 200;

async function clients(scope: Scope, port: number, count = COUNT) {
  return Promise.all(Array.from({ length: count }, () => netClient(scope, port)));
}

describe("idle connections", () => {
  it("hold no receive buffers, no operations and no bytes, in push style", async () => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort());
    const recorder = new Recorder({ data: (socket, chunk) => void socket.write(chunk) });
    const listener = await listen({ host: "127.0.0.1", completionPort: port }, recorder.handlers);
    const peers = await clients(scope, listener.address.port);
    await Promise.all(peers.map((peer) => roundTrip(peer)));
    await turns();
    expect(port.stats()).toMatchObject({
      handles: COUNT + 1,
      operations: 0,
      receiveBuffers: 0,
      bytesQueued: 0,
    });
  });

  it("hold no receive buffers in pull style, although each waits in recv()", async () => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort());
    const listener = await listen({ host: "127.0.0.1", completionPort: port });
    const accepting = Promise.all(Array.from({ length: COUNT }, () => listener.accept()));
    const peers = await clients(scope, listener.address.port);
    const sockets = await accepting;
    const receives = sockets.map((socket) => socket.recv());
    await turns();
    expect(port.stats()).toMatchObject({ operations: COUNT, receiveBuffers: 0 });
    await Promise.all(peers.map((peer) => peer.write("x")));
    await Promise.all(receives);
    expect(port.stats()).toMatchObject({ operations: 0, receiveBuffers: 0 });
  });

  it("give no turn to the engine: nothing is polled, nothing calls JavaScript", async () => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort());
    const recorder = new Recorder({ data: (socket, chunk) => void socket.write(chunk) });
    const listener = await listen({ host: "127.0.0.1", completionPort: port }, recorder.handlers);
    const peers = await clients(scope, listener.address.port);
    await Promise.all(peers.map((peer) => roundTrip(peer)));
    await turns(50);
    const before = port.stats();
    await turns(100);
    const after = port.stats();
    expect(after.batches).toBe(before.batches);
    expect(after.polls).toBe(before.polls);
    expect(after.completed).toBe(before.completed);
  });

  it("that are paused, with bytes waiting, hold no receive buffers", async () => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort());
    const recorder = new Recorder({ open: (socket) => void socket.pause() });
    const listener = await listen({ host: "127.0.0.1", completionPort: port }, recorder.handlers);
    const peers = await clients(scope, listener.address.port, 50);
    await recorder.next("open", 50);
    await Promise.all(peers.map((peer) => peer.write(pattern(5000))));
    await turns(50);
    expect(port.stats()).toMatchObject({ receiveBuffers: 0, bytesReceived: 0 });
    for (const event of recorder.events) (event.source as TcpSocket).resume();
    await recorder.received(50 * 5000);
  });

  it("hold nothing any more after a time of large messages", async () => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort());
    const handlers = {
      data(socket: TcpSocket, chunk: Uint8Array) {
        if (!socket.write(chunk)) socket.pause();
      },
      drain: (socket: TcpSocket) => void socket.resume(),
    };
    const listener = await listen({ host: "127.0.0.1", completionPort: port }, handlers);
    const peers = await clients(scope, listener.address.port, 30);
    const message = pattern(500_000);
    await Promise.all(
      peers.map(async (peer) => {
        const reading = peer.read(message.length);
        await peer.write(message);
        expect(difference(await reading, message)).toBe("");
      }),
    );
    await turns();
    const stats = port.stats();
    expect(stats).toMatchObject({ receiveBuffers: 0, bytesQueued: 0, operations: 0 });
    expect(stats.bytesReceived).toBe(30 * message.length);
    expect(stats.bytesSent).toBe(30 * message.length);
  });

  it("are as quick as ever when their time comes", async () => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort());
    const listener = await listen({ host: "127.0.0.1", completionPort: port });
    const accepting = Promise.all(Array.from({ length: 50 }, () => listener.accept()));
    const peers = await clients(scope, listener.address.port, 50);
    const sockets = await accepting;
    await turns(50);
    for (const socket of sockets.reverse()) {
      const peer = peers.find((its) => its.socket.localPort === socket.remoteAddress!.port)!;
      const receiving = receive(socket, 5);
      await peer.write("awake");
      expect((await receiving).toString()).toBe("awake");
    }
    await until(() => port.stats().operations === 0);
    expect(port.stats().receiveBuffers).toBe(0);
  });

  it("cost a process no processor time and no polls", async () => {
    const { code, stdout, stderr } = await run("push_idle.mjs");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const cost = JSON.parse(stdout);
    expect(cost).toMatchObject({ handles: 401, receiveBuffers: 0, completed: 0, batches: 0, polls: 0 });
    // Node itself is never entirely quiet; a process that spins would be near 1.
    expect(cost.share).toBeLessThan(0.2);
  });
});
