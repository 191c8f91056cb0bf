import { Worker } from "node:worker_threads";
import { CompletionPort, connect, listen, type TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { difference, pattern, receive } from "../support/bytes.js";
import { Completions } from "../support/completions.js";
import { failure } from "../support/failure.js";
import { narrow, pair, STALLING_SIZE } from "../support/peers.js";
import { pushPair } from "../support/push.js";
import { Recorder } from "../support/recorder.js";
import { Scope } from "../support/scope.js";
import { event, turns } from "../support/wait.js";

// Several completions come at once, and the handler of one changes what the next one means. Everything that the peers
// do here happens while JavaScript is busy, so that the engine finds it all in one turn.

describe("a handler that is called before another completion of its batch", () => {
  it("and pauses and resumes its socket does not let the end overtake what was kept", async () => {
    await using scope = new Scope();
    const kept = new Recorder();
    const wide = { receiveBufferSize: 1024 * 1024, sendBufferSize: 1024 * 1024 };
    const middle = await pushPair(scope, kept, wide);
    const pausing = await pushPair(scope, new Recorder({ data: () => void middle.socket.pause() }));
    const resuming = await pushPair(scope, new Recorder({ data: () => void middle.socket.resume() }));
    // The kernel takes as much at once only of a stream that has been flowing.
    const before = pattern(1_000_000, 7);
    await middle.client.send(before);
    await kept.received(before.length);
    const sent = pattern(130_000);
    void pausing.client.send("pause");
    void middle.client.send(sent);
    void resuming.client.send("resume");
    await Promise.all([middle.client.shutdown(), kept.next("end")]);
    expect(kept.names(middle.socket)).toEqual(["open", "data", "end"]);
    expect(difference(kept.bytes().subarray(before.length), sent)).toBe("");
  });

  it("and aborts its signal does not turn a connection's loss into an AbortError", async () => {
    await using scope = new Scope();
    const controller = new AbortController();
    const aborting = await pushPair(scope, new Recorder({ data: () => controller.abort() }));
    const { client, server } = await pair(scope);
    // With requests that the kernel works on, the abort may come before it tells of the reset; then it counts.
    const requests = CompletionPort.default.backend === "iocp";
    const code = requests ? /^(ECONNRESET|ECANCELED)$/ : "ECONNRESET";
    const receiving = failure(server.recv({ signal: controller.signal }), code);
    await turns(3);
    void aborting.client.send("abort");
    void client.reset();
    const error = await receiving;
    expect(error.name).toBe(error.code === "ECANCELED" ? "AbortError" : "PortsideError");
  });

  it("and closes its listener leaves a connection that was accepted with it unopened", async () => {
    await using scope = new Scope();
    const opened: TcpSocket[] = [];
    const listener = await listen(
      { host: "127.0.0.1" },
      {
        open(socket) {
          opened.push(scope.use(socket));
          void listener.close();
        },
      },
    );
    const { port } = listener.address;
    const clients = await Promise.all(
      Array.from({ length: 10 }, () => connect({ host: "127.0.0.1", port }).catch(() => undefined)),
    );
    // Those that were refused, and those that nobody opens, hear of it.
    const ends = clients.map((client) => client?.recv().catch(() => null));
    expect(await Promise.race(ends.slice(1))).toBeFalsy();
    await listener.close();
    await turns();
    expect(opened).toHaveLength(1);
    for (const client of clients) if (client) scope.use(client);
  });

  it("and sends at once takes no completion of the batch away", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope);
    const pairs = await Promise.all(Array.from({ length: 20 }, () => pair(scope)));
    const order: number[] = [];
    const sends: Completions[] = [];
    const receives = pairs.map((each, index) => {
      const completions = new Completions(CompletionPort.default, () => {
        order.push(index);
        if (order.length > 1) return;
        // These are done as soon as the engine sees them, and the last one makes it look at once.
        for (let count = 0; count < 40; count++) {
          const send = new Completions(CompletionPort.default);
          send.operation.send(client, "a");
          sends.push(send);
        }
        void client.send("b");
      });
      completions.operation.recv(each.server, new Uint8Array(10));
      return completions;
    });
    await turns(3);
    for (const each of pairs) void each.client.send("x");
    await Promise.all(receives.map((completions) => completions.nth(1)));
    await Promise.all(sends.map((completions) => completions.nth(1)));
    await receive(server, 41);
    await turns();
    expect(order.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index));
    for (const { seen } of [...receives, ...sends]) expect(seen).toHaveLength(1);
  });

  it("and writes to its socket makes the drain that was to come wait for that, too", async () => {
    await using scope = new Scope();
    const clients = await ThreadClients.start(scope);
    let wrote = 0;
    const queued: number[] = [];
    const sockets: TcpSocket[] = [];
    const recorder = new Recorder({
      open: (socket) => void sockets.push(socket),
      data() {
        const [slow] = sockets as [TcpSocket];
        if (wrote++ === 0) slow.write(pattern(STALLING_SIZE));
      },
      drain: (socket) => void queued.push(socket.writableLength),
    });
    const listener = scope.use(await listen({ ...narrow, host: "127.0.0.1" }, recorder.handlers));
    await clients.connect(listener.address.port);
    await recorder.next("open");
    await clients.connect(listener.address.port);
    await recorder.next("open", 2);
    const [slow] = sockets as [TcpSocket];
    let written = 0;
    do written += 65_536;
    while (slow.write(new Uint8Array(65_536)));
    const taken = written - slow.writableLength;
    // The second client sends first, and then the first one makes room.
    clients.whileBusy({ senders: [1], reader: 0, bytes: taken });
    await recorder.next("data");
    void clients.received(0, Number.POSITIVE_INFINITY);
    await recorder.next("drain");
    expect(wrote).toBe(1);
    expect(queued[0]).toBe(0);
  });
});

describe("a write within a batch that leaves no room for sends", () => {
  it("does not overtake what its socket has waiting", async () => {
    await using scope = new Scope();
    const clients = await ThreadClients.start(scope);
    const sockets: TcpSocket[] = [];
    const recorder = new Recorder({
      open: (socket) => void sockets.push(socket),
      data: () => void sockets[0]!.write("last"),
    });
    // With the one place of a batch taken, the room that came for the first socket has to wait.
    const completionPort = scope.use(new CompletionPort({ batch: 1 }));
    const options = { ...narrow, host: "127.0.0.1", completionPort };
    const listener = await listen(options, recorder.handlers);
    for (let count = 1; count <= 4; count++) {
      await clients.connect(listener.address.port);
      await recorder.next("open", count);
    }
    const [slow] = sockets as [TcpSocket];
    const written: Uint8Array[] = [];
    do written.push(pattern(65_536, written.length));
    while (slow.write(written.at(-1)!));
    const sent = Buffer.concat([...written, ...Array.from({ length: 3 }, () => Buffer.from("last"))]);
    const taken = sent.length - 3 * "last".length - slow.writableLength;
    clients.whileBusy({ senders: [1, 2, 3], reader: 0, bytes: taken });
    expect(difference(await clients.received(0, sent.length), sent)).toBe("");
  });
});

/** Clients in a thread of their own: they go on while this one is blocked. They read only when told to. */
class ThreadClients {
  readonly #gate = new Int32Array(new SharedArrayBuffer(4));
  readonly #thread: Worker;

  private constructor() {
    this.#thread = new Worker(
      `const { workerData: gate, parentPort } = require("node:worker_threads");
       const sockets = [];
       const read = (socket, bytes) => new Promise((resolve) => {
         const check = () => {
           if (socket.length < bytes) return;
           socket.off("data", check);
           resolve(socket.pause());
         };
         socket.on("data", check).resume();
         check();
       });
       const sent = (socket) => new Promise((resolve) => socket.write("x", resolve));
       const connect = (port) => new Promise((resolve) => {
         const socket = require("node:net").connect({ host: "127.0.0.1", port });
         socket.chunks = [];
         socket.length = 0;
         socket.on("error", () => {});
         socket.on("data", (chunk) => {
           socket.chunks.push(chunk);
           socket.length += chunk.length;
         });
         socket.on("connect", () => resolve(sockets.push(socket.pause())));
       });
       parentPort.on("message", async ({ port, senders, reader, bytes }) => {
         if (port !== undefined) return parentPort.postMessage(await connect(port));
         for (const sender of senders) await sent(sockets[sender]);
         await read(sockets[reader], bytes);
         Atomics.store(gate, 0, 1);
         Atomics.notify(gate, 0);
         if (senders.length === 0) parentPort.postMessage(Buffer.concat(sockets[reader].chunks));
       });`,
      { eval: true, workerData: this.#gate },
    );
  }

  static async start(scope: Scope): Promise<ThreadClients> {
    const clients = new ThreadClients();
    scope.defer(() => clients.#thread.terminate());
    await event(clients.#thread, "online");
    return clients;
  }

  async connect(port: number): Promise<void> {
    const connected = event(this.#thread, "message");
    this.#thread.postMessage({ port });
    await connected;
  }

  /** Some send a byte each, then one reads so many; this thread waits for it, and does nothing else. */
  whileBusy(what: { senders: number[]; reader: number; bytes: number }): void {
    this.#thread.postMessage(what);
    expect(Atomics.wait(this.#gate, 0, 0, 10_000)).not.toBe("timed-out");
  }

  /** All that it has received, once these are so many bytes. */
  async received(reader: number, bytes: number): Promise<Uint8Array> {
    const received = event<Uint8Array>(this.#thread, "message");
    this.#thread.postMessage({ senders: [], reader, bytes });
    return received;
  }
}
