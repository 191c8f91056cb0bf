import { CompletionPort, type ListenOptions, listen, type PortStats, type TcpListener } from "portside";
import { describe, expect, it } from "vitest";
import { win32 } from "../../dist/platforms/windows/win32.js";
import { difference, pattern, receiveToEnd } from "../support/bytes.js";
import { failure } from "../support/failure.js";
import { type NetPeer, netClient } from "../support/peers.js";
import { echoListener, howItEnds, roundTrip } from "../support/push.js";
import { Recorder } from "../support/recorder.js";
import { Scope } from "../support/scope.js";
import { turns, until } from "../support/wait.js";

const LOW = 10;
const HIGH = 50;
const wine = win32().wineVersion !== undefined;

interface Pool {
  readonly port: CompletionPort;
  readonly listener: TcpListener;
  stats(): PortStats;
}

/** An echo server on a port of its own, with accepts posted ahead. */
async function pool(scope: Scope, options: ListenOptions = {}): Promise<Pool> {
  const port = scope.use(new CompletionPort());
  const marks = { acceptLowWaterMark: LOW, acceptHighWaterMark: HIGH };
  const listener = await echoListener(scope, { ...marks, ...options, completionPort: port } as ListenOptions);
  return { port, listener, stats: () => port.stats() };
}

function clients(scope: Scope, { listener }: Pool, count: number): Promise<NetPeer[]> {
  return Promise.all(Array.from({ length: count }, () => netClient(scope, listener.address.port)));
}

/** The most and the least that stats() said was posted, asked in every turn of the loop. */
function watchPosted(scope: Scope, { stats }: Pool): { most: number } {
  const seen = { most: 0 };
  let watching = true;
  const look = () => {
    seen.most = Math.max(seen.most, stats().postedAccepts);
    if (watching) setImmediate(look);
  };
  look();
  scope.defer(() => {
    watching = false;
  });
  return seen;
}

describe("accepts posted ahead", () => {
  it("are 16 unless the listener says otherwise, and none when it is closed", async () => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort());
    const listener = await echoListener(scope, { completionPort: port });
    await until(() => port.stats().postedAccepts === 16);
    await listener.close();
    await until(() => port.stats().postedAccepts === 0);
    expect(port.stats()).toMatchObject({ handles: 0, operations: 0 });
  });

  it("of a pool of 10 to 50 take 500 connections at once: all are echoed, never more are posted", async () => {
    await using scope = new Scope();
    const server = await pool(scope);
    await until(() => server.stats().postedAccepts === LOW);
    const seen = watchPosted(scope, server);
    const peers = await clients(scope, server, 500);
    await Promise.all(peers.map((peer, index) => roundTrip(peer, `message of ${index}`)));
    expect(server.stats()).toMatchObject({ accepted: 500, acceptsTimedOut: 0 });
    expect(seen.most).toBeGreaterThan(LOW);
    expect(seen.most).toBeLessThanOrEqual(HIGH);
    await until(() => server.stats().postedAccepts >= LOW);
  });

  it("are fewer again after a burst, as they are used up, and at least the low watermark", async () => {
    await using scope = new Scope();
    const server = await pool(scope);
    await clients(scope, server, 300);
    await until(() => server.stats().postedAccepts >= LOW);
    // Calm has to last a second before the pool believes in it; the next accept then lets it shrink by half.
    for (let index = 1; server.stats().postedAccepts > LOW; index++) {
      await clients(scope, server, 1);
      if (index % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 1100));
    }
    expect(server.stats().postedAccepts).toBe(LOW);
  });

  it("reset those who came with their listener, taken note of or not", async () => {
    await using scope = new Scope();
    const listener = scope.use(await listen({ host: "127.0.0.1", acceptLowWaterMark: 20 }));
    const peers = await Promise.all(
      Array.from({ length: 20 }, () => netClient(scope, listener.address.port)),
    );
    // Busy, so that all are accepted, and the packets of some still in the queue.
    const end = performance.now() + 300;
    while (performance.now() < end);
    await listener.close();
    expect(new Set(await Promise.all(peers.map(howItEnds)))).toEqual(new Set(["reset"]));
  });

  it("hand on to accept() in pull style everyone who came before it was called", async () => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort());
    const marks = { acceptLowWaterMark: 4, acceptHighWaterMark: 8 };
    const listener = scope.use(await listen({ host: "127.0.0.1", completionPort: port, ...marks }));
    const peers = await Promise.all(
      Array.from({ length: 20 }, () => netClient(scope, listener.address.port)),
    );
    await turns();
    const ports: number[] = [];
    for (let index = 0; index < 20; index++) {
      ports.push(scope.use(await listener.accept()).remoteAddress!.port);
    }
    expect(ports.sort()).toEqual(peers.map(({ socket }) => socket.localPort!).sort());
    expect(port.stats().accepted).toBe(20);
  });
});

describe("accepting with the first bytes (acceptData)", () => {
  it.each([1, 100, 4096, 4097, 100_000])("receives %i bytes in order and whole", async (length) => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort());
    const listener = scope.use(await listen({ host: "127.0.0.1", completionPort: port, acceptData: true }));
    const bytes = pattern(length);
    const peer = await netClient(scope, listener.address.port);
    const [socket] = await Promise.all([listener.accept(), peer.write(bytes).then(() => peer.end())]);
    scope.use(socket);
    expect(difference(await receiveToEnd(socket), bytes)).toBe("");
    expect(port.stats()).toMatchObject({ accepted: 1, bytesReceived: length });
  });

  it("lets small receives take the first bytes piece by piece", async () => {
    await using scope = new Scope();
    const listener = scope.use(await listen({ host: "127.0.0.1", acceptData: true }));
    const peer = await netClient(scope, listener.address.port);
    await peer.write("first bytes");
    const socket = scope.use(await listener.accept());
    const pieces: string[] = [];
    while (pieces.join("").length < 11)
      pieces.push(Buffer.from((await socket.recv({ size: 3 }))!).toString());
    expect(pieces.join("")).toBe("first bytes");
    expect(Math.max(...pieces.map((piece) => piece.length))).toBe(3);
  });

  it("opens push-style sockets with open first, then data", async () => {
    await using scope = new Scope();
    const recorder = new Recorder();
    const listener = scope.use(await listen({ host: "127.0.0.1", acceptData: true }, recorder.handlers));
    const peer = await netClient(scope, listener.address.port);
    await turns();
    expect(recorder.events).toEqual([]); // nobody has said anything yet
    await peer.write("hello");
    await recorder.received(5);
    expect(recorder.names()).toEqual(["open", "data"]);
    expect(recorder.bytes().toString()).toBe("hello");
  });

  it("drops 60 who stay silent, and serves 500 others through a pool of 10 to 50 that these fill", async () => {
    await using scope = new Scope();
    const server = await pool(scope, { acceptData: true, acceptTimeout: 3000 });
    const seen = watchPosted(scope, server);
    const silent = await clients(scope, server, 60);
    await until(() => server.stats().postedAccepts === HIGH); // each of them held by one that is silent
    const talking = await Promise.all(
      Array.from({ length: 500 }, async (_, index) => {
        const [peer] = await clients(scope, server, 1);
        await roundTrip(peer!, `message of ${index}`);
        return peer!;
      }),
    );
    await Promise.all(silent.map((peer) => howItEnds(peer)));
    await until(() => server.stats().acceptsTimedOut === 60);
    expect(server.stats()).toMatchObject({ accepted: 500 });
    expect(seen.most).toBe(HIGH);
    // Those that talk now are as welcome as ever.
    for (const peer of talking) await roundTrip(peer);
    await roundTrip((await clients(scope, server, 1))[0]!);
  });

  it("does not drop a client that speaks within its time", async () => {
    await using scope = new Scope();
    const server = await pool(scope, { acceptData: true, acceptTimeout: 20_000 });
    const [slow] = await clients(scope, server, 1);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await roundTrip(slow!);
    expect(server.stats()).toMatchObject({ accepted: 1, acceptsTimedOut: 0 });
  });

  it("does not drop clients that spoke in time while JavaScript was busy for longer", async () => {
    await using scope = new Scope();
    // More than come in one batch, and an accept posted for each: none waits in the backlog.
    const count = 200;
    const marks = { acceptLowWaterMark: count, acceptHighWaterMark: count };
    const server = await pool(scope, { acceptData: true, acceptTimeout: 3000, ...marks });
    const peers = await clients(scope, server, count);
    for (const peer of peers) peer.socket.write("spoken");
    const end = performance.now() + 5000;
    while (performance.now() < end);
    for (const peer of peers) expect((await peer.read(6)).toString()).toBe("spoken");
    expect(server.stats()).toMatchObject({ accepted: count, acceptsTimedOut: 0 });
  });

  it("survives clients that end without a byte", async () => {
    await using scope = new Scope();
    const server = await pool(scope, { acceptData: true });
    const peers = await clients(scope, server, 2 * HIGH);
    await Promise.all(peers.map((peer) => peer.end()));
    expect(new Set(await Promise.all(peers.map(howItEnds)))).toEqual(new Set(["end"]));
    await until(() => server.stats().handles === 1 && server.stats().postedAccepts >= LOW);
    await roundTrip((await clients(scope, server, 1))[0]!);
  });

  it("survives clients that reset", async () => {
    await using scope = new Scope();
    const server = await pool(scope, { acceptData: true });
    const peers = await clients(scope, server, 2 * HIGH);
    await Promise.all(peers.map((peer) => peer.reset()));
    await until(() => server.stats().handles === 1 && server.stats().postedAccepts >= LOW);
    await roundTrip((await clients(scope, server, 1))[0]!);
  });

  it("counts a buffer for each accept that is posted, and none when the listener is closed", async () => {
    await using scope = new Scope();
    const server = await pool(scope, { acceptData: true });
    await until(() => server.stats().postedAccepts === LOW);
    expect(server.stats().receiveBuffers).toBe(LOW);
    await clients(scope, server, 5);
    await server.listener.close();
    await until(() => server.stats().postedAccepts === 0);
    expect(server.stats()).toMatchObject({ receiveBuffers: 0, handles: 0 });
  });
});

describe("sockets used again (reuseSockets)", () => {
  it.runIf(wine)("are refused under Wine, where they would never receive", async () => {
    const error = await failure(listen({ host: "127.0.0.1", reuseSockets: true }), "ENOTSUP");
    expect(error.message).toContain("leave out reuseSockets");
  });

  it("serve one connection after the other", async () => {
    await using scope = new Scope();
    const server = await pool(scope, { reuseSockets: true });
    for (let round = 0; round < 5; round++) {
      const peers = await clients(scope, server, 20);
      await Promise.all(peers.map((peer, index) => roundTrip(peer, `round ${round}, ${index}`)));
      await Promise.all(peers.map((peer) => peer.end()));
      await until(() => server.stats().handles === 1);
    }
    expect(server.stats().accepted).toBe(100);
  });
});
