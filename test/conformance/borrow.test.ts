import { CompletionPort, listen, type TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { difference, pattern, receive, receiveToEnd } from "../support/bytes.js";
import { narrow, netClient, STALLING_SIZE } from "../support/peers.js";
import { Bystander, echoListener, pushPair, roundTrip, sides } from "../support/push.js";
import { Recorder } from "../support/recorder.js";
import { Scope } from "../support/scope.js";
import { turns, until } from "../support/wait.js";

/** Handlers that copy every chunk during the call, whatever else is done with it afterwards. */
class Copier {
  readonly recorder: Recorder;
  readonly #copies: Uint8Array[] = [];
  length = 0;

  constructor(extra: (socket: TcpSocket, chunk: Uint8Array) => void = () => {}) {
    this.recorder = new Recorder({
      data: (socket, chunk) => {
        this.#copies.push(new Uint8Array(chunk));
        this.length += chunk.length;
        extra(socket, chunk);
      },
    });
  }

  async upTo(length: number): Promise<Buffer> {
    await until(() => this.length >= length);
    return Buffer.concat(this.#copies);
  }
}

describe.each(sides)("on $side, a chunk that is borrowed", ({ open }) => {
  it("shows the bytes that were sent, during the call", async () => {
    await using scope = new Scope();
    const copier = new Copier();
    const { peer } = await open(scope, copier.recorder, { borrow: true });
    const sent = pattern(2_000_000);
    const writing = peer.write(sent);
    expect(difference(await copier.upTo(sent.length), sent)).toBe("");
    await writing;
  });

  it("is a view: no memory is allocated for it", async () => {
    await using scope = new Scope();
    const buffers = new Set<ArrayBufferLike>();
    const copier = new Copier((_, chunk) => void buffers.add(chunk.buffer));
    const { peer } = await open(scope, copier.recorder, { borrow: true });
    const writing = peer.write(pattern(2_000_000));
    await copier.upTo(2_000_000);
    await writing;
    expect(buffers.size).toBe(1);
  });

  it("can be written from within the call, as it is", async () => {
    await using scope = new Scope();
    const recorder = new Recorder({
      data(socket, chunk) {
        if (!socket.write(chunk)) socket.pause();
      },
      drain: (socket) => void socket.resume(),
    });
    const { peer } = await open(scope, recorder, { borrow: true });
    const sent = pattern(3_000_000);
    const reading = peer.read(sent.length);
    await peer.write(sent);
    expect(difference(await reading, sent)).toBe("");
  });

  it("can be a part of a list that is written", async () => {
    await using scope = new Scope();
    const recorder = new Recorder({ data: (socket, chunk) => void socket.write(["<", chunk, ">"]) });
    const { peer } = await open(scope, recorder, { borrow: true });
    await peer.write("framed");
    expect((await peer.read(8)).toString()).toBe("<framed>");
  });

  it("can be changed during the call without disturbing what follows", async () => {
    await using scope = new Scope();
    const copier = new Copier((_, chunk) => void chunk.fill(0xee));
    const { peer } = await open(scope, copier.recorder, { borrow: true });
    const sent = pattern(1_000_000);
    const writing = peer.write(sent);
    expect(difference(await copier.upTo(sent.length), sent)).toBe("");
    await writing;
  });

  it("of up to 8192 bytes that was written may be changed at once: write() has taken its bytes", async () => {
    await using scope = new Scope();
    const recorder = new Recorder({
      data(socket, chunk) {
        socket.write(chunk);
        chunk.fill(0xee);
      },
    });
    const { peer } = await open(scope, recorder, { borrow: true });
    for (const size of [1, 100, 4096, 8192]) {
      const sent = pattern(size, size);
      const reading = peer.read(size);
      await peer.write(sent);
      expect(difference(await reading, sent)).toBe("");
    }
  });

  it("of more bytes goes out from where it lies: it arrives whole when the handler leaves it alone", async () => {
    await using scope = new Scope();
    const recorder = new Recorder({ data: (socket, chunk) => void socket.write(chunk) });
    const { peer } = await open(scope, recorder, { borrow: true });
    for (const size of [10_000, 60_000, 1_000_000]) {
      const sent = pattern(size, size);
      const reading = peer.read(size);
      await peer.write(sent);
      expect(difference(await reading, sent)).toBe("");
    }
  });

  it("survives attempts to transfer or resize its memory, as does everything after it", async () => {
    await using scope = new Scope();
    const bystander = await Bystander.start(scope);
    const attempts: ((chunk: Uint8Array) => unknown)[] = [
      (chunk) => structuredClone(chunk, { transfer: [chunk.buffer as ArrayBuffer] }),
      (chunk) => structuredClone(chunk.buffer, { transfer: [chunk.buffer as ArrayBuffer] }),
      // From Node 21 on.
      (chunk) => (chunk.buffer as ArrayBuffer & { transfer?: () => unknown }).transfer?.(),
      (chunk) => (chunk.buffer as ArrayBuffer & { resize?: (length: number) => void }).resize?.(0),
      (chunk) => {
        const { port1 } = new MessageChannel();
        try {
          port1.postMessage(chunk, [chunk.buffer as ArrayBuffer]);
        } finally {
          port1.close();
        }
      },
    ];
    let next = 0;
    const copier = new Copier((socket, chunk) => {
      const before = Buffer.from(chunk);
      try {
        attempts[next++ % attempts.length]!(chunk);
      } catch {
        // Refused: that is what keeps the memory in place.
      }
      expect(difference(chunk, before)).toBe("");
      socket.write(chunk);
    });
    const { peer } = await open(scope, copier.recorder, { borrow: true });
    for (let round = 0; round < 30; round++) {
      const sent = pattern(5000, round);
      const reading = peer.read(sent.length);
      await peer.write(sent);
      expect(difference(await reading, sent)).toBe("");
      await bystander.check();
    }
  });

  it("may be looked at after the call without harm, although its content is anything", async () => {
    await using scope = new Scope();
    const kept: Uint8Array[] = [];
    const copier = new Copier((_, chunk) => void kept.push(chunk));
    const { socket, peer } = await open(scope, copier.recorder, { borrow: true });
    const writing = peer.write(pattern(500_000));
    await copier.upTo(500_000);
    await writing;
    await socket.close();
    let sum = 0;
    for (const chunk of kept) for (const byte of chunk) sum += byte;
    expect(sum).toBeGreaterThanOrEqual(0);
  });

  it("stays what it is until the handler returns, even when that closes the socket", async () => {
    await using scope = new Scope();
    const checks: string[] = [];
    const recorder = new Recorder({
      data(socket, chunk) {
        const before = Buffer.from(chunk);
        void socket.close();
        checks.push(difference(chunk, before));
      },
    });
    const { peer } = await open(scope, recorder, { borrow: true });
    await peer.write("closing");
    await recorder.next("close");
    expect(checks).toEqual([""]);
  });

  it("works with pause() and resume() at any moment", async () => {
    await using scope = new Scope();
    const copier = new Copier((socket) => void socket.pause());
    const { socket, peer } = await open(scope, copier.recorder, { borrow: true });
    const sent = pattern(700_000);
    const writing = peer.write(sent);
    while (copier.length < sent.length) {
      const before = copier.length;
      await until(() => copier.length > before);
      await turns(2);
      socket.resume();
    }
    await writing;
    expect(difference(await copier.upTo(sent.length), sent)).toBe("");
  });
});

describe.each(sides)("on $side, a chunk that is not borrowed", ({ open }) => {
  it("is the program's own: it stays as it is while more arrives", async () => {
    await using scope = new Scope();
    const { peer, recorder } = await open(scope);
    const sent = pattern(2_000_000);
    const writing = peer.write(sent);
    // The recorder keeps the chunks themselves and joins them only now.
    expect(difference(await recorder.received(sent.length), sent)).toBe("");
    await writing;
  });

  it("has memory that no other chunk shares", async () => {
    await using scope = new Scope();
    const { peer, recorder } = await open(scope, new Recorder(), { borrow: false });
    const sent = pattern(1_000_000);
    const writing = peer.write(sent);
    await recorder.received(sent.length);
    await writing;
    const chunks = recorder.events.flatMap((event) => (event.chunk ? [event.chunk] : []));
    expect(chunks.length).toBeGreaterThan(1);
    chunks[0]!.fill(0);
    const offset = chunks[0]!.length;
    expect(difference(Buffer.concat(chunks.slice(1)), sent.subarray(offset))).toBe("");
  });

  it("can be transferred away, and everything goes on", async () => {
    await using scope = new Scope();
    const bystander = await Bystander.start(scope);
    const moved: Uint8Array[] = [];
    const recorder = new Recorder({
      data(socket, chunk) {
        socket.write(chunk);
        moved.push(structuredClone(chunk, { transfer: [chunk.buffer as ArrayBuffer] }));
        expect(chunk.length).toBe(0);
      },
    });
    const { peer } = await open(scope, recorder);
    const total: Uint8Array[] = [];
    for (let round = 0; round < 20; round++) {
      const sent = pattern(3000, round);
      total.push(sent);
      await peer.write(sent);
      expect(difference(await peer.read(sent.length), sent)).toBe("");
      await bystander.check();
    }
    expect(difference(Buffer.concat(moved), Buffer.concat(total))).toBe("");
  });
});

describe("borrowing", () => {
  it("from many sockets in one batch shows each its own bytes", async () => {
    await using scope = new Scope();
    const wrong: string[] = [];
    const handlers = {
      data(socket: TcpSocket, chunk: Uint8Array) {
        // Every byte of a connection is the connection's number.
        socket.data ??= chunk[0];
        if (chunk.some((byte) => byte !== socket.data)) wrong.push(`connection ${socket.data}`);
        socket.write(chunk);
      },
    };
    const listener = scope.use(await listen({ host: "127.0.0.1", borrow: true }, handlers));
    const peers = await Promise.all(
      Array.from({ length: 100 }, () => netClient(scope, listener.address.port)),
    );
    for (let round = 0; round < 5; round++) {
      await Promise.all(
        peers.map(async (peer, index) => {
          const message = Buffer.alloc(500 + round * 900, index);
          const reading = peer.read(message.length);
          await peer.write(message);
          expect(difference(await reading, message)).toBe("");
        }),
      );
    }
    expect(wrong).toEqual([]);
  });

  it("on one listener leaves the copies of another alone", async () => {
    await using scope = new Scope();
    const copies = new Recorder();
    const lender = new Copier((_, chunk) => void chunk.fill(0));
    const one = await pushPair(scope, copies);
    const two = await pushPair(scope, lender.recorder, { borrow: true });
    const sent = pattern(600_000, 5);
    const sending: Promise<number>[] = [];
    for (let at = 0; at < sent.length; at += 20_000) {
      sending.push(one.client.send(sent.subarray(at, at + 20_000)));
      sending.push(two.client.send(sent.subarray(at, at + 20_000)));
    }
    expect(difference(await copies.received(sent.length), sent)).toBe("");
    expect(difference(await lender.upTo(sent.length), sent)).toBe("");
    await Promise.all(sending);
  });

  it("and writing to a peer that does not read keeps the bytes that wait", async () => {
    await using scope = new Scope();
    const recorder = new Recorder({
      data: (socket, chunk) => void socket.write(chunk),
      end: (socket) => void socket.shutdown(),
    });
    const { client } = await pushPair(scope, recorder, { ...narrow, borrow: true });
    // Nothing is read before everything is sent: the echo has to keep what its peer does not take yet.
    const sent = pattern(STALLING_SIZE);
    await client.send(sent);
    await client.shutdown();
    expect(difference(await receiveToEnd(client), sent)).toBe("");
  });

  it("and sending to another socket passes the bytes on", async () => {
    await using scope = new Scope();
    const target = await pushPair(scope, new Recorder(), narrow);
    const recorder = new Recorder({
      data: (_, chunk) => void target.socket.write(chunk),
    });
    const source = await pushPair(scope, recorder, { ...narrow, borrow: true });
    const sent = pattern(STALLING_SIZE);
    const sending = source.client.send(sent);
    expect(difference(await receive(target.client, sent.length), sent)).toBe("");
    await sending;
  });

  it("and closing the whole port inside data leaves the view readable until the end of the call", async () => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort());
    const checks: string[] = [];
    const recorder = new Recorder({
      data(_, chunk) {
        const before = Buffer.from(chunk);
        void port.close();
        checks.push(difference(chunk, before));
      },
    });
    const listener = await listen(
      { host: "127.0.0.1", borrow: true, completionPort: port },
      recorder.handlers,
    );
    const peer = await netClient(scope, listener.address.port);
    await peer.write("the end");
    await recorder.next("close");
    await port.close();
    expect(checks).toEqual([""]);
  });

  it("has no effect on pull style, whose chunks are the program's own", async () => {
    await using scope = new Scope();
    const listener = scope.use(await listen({ host: "127.0.0.1", borrow: true }));
    const [socket, peer] = await Promise.all([listener.accept(), netClient(scope, listener.address.port)]);
    scope.use(socket);
    const sent = pattern(300_000);
    const writing = peer.write(sent);
    const chunks: Uint8Array[] = [];
    for (let length = 0; length < sent.length; length += chunks.at(-1)!.length) {
      chunks.push((await socket.recv())!);
    }
    await writing;
    expect(difference(Buffer.concat(chunks), sent)).toBe("");
    await roundTrip(await netClient(scope, (await echoListener(scope)).address.port));
  });
});
