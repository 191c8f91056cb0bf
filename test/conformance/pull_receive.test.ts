import { connect, listen, type TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { difference, pattern, receive, receiveToEnd } from "../support/bytes.js";
import { failure } from "../support/failure.js";
import { collectGarbage } from "../support/memory.js";
import { accepted, connected } from "../support/peers.js";
import { Scope } from "../support/scope.js";
import { turns, watch } from "../support/wait.js";

const text = (bytes: Uint8Array | null): string | null => bytes && Buffer.from(bytes).toString();

describe("a receive", () => {
  it("completes with at least one byte of what the peer sent", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    await peer.write("hello");
    const first = await socket.recv();
    expect(first).toBeInstanceOf(Uint8Array);
    expect(first!.length).toBeGreaterThanOrEqual(1);
    const rest = await receive(socket, 5 - first!.length);
    expect(text(first)! + text(rest)!).toBe("hello");
  });

  it("submitted before the bytes arrive waits for them", async () => {
    await using scope = new Scope();
    const { socket, peer } = await connected(scope);
    const pending = socket.recv();
    const state = watch(pending);
    await turns();
    expect(state.settled).toBe(false);
    await peer.write("x");
    expect(text(await pending)).toBe("x");
  });

  it("gives bytes in the order in which they were sent, whatever the sizes", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const sent = pattern(300_000);
    const writing = peer.write(sent);
    const chunks: Uint8Array[] = [];
    let length = 0;
    for (let size = 1; length < sent.length; size = (size * 7) % 65_537 || 1) {
      const chunk = await socket.recv({ size });
      expect(chunk!.length).toBeLessThanOrEqual(size);
      chunks.push(chunk!);
      length += chunk!.length;
    }
    await writing;
    expect(difference(Buffer.concat(chunks), sent)).toBe("");
  });

  it("leaves what does not fit for the next receive", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    await peer.write("abcdef");
    let got = "";
    while (got.length < 6) {
      const chunk = await socket.recv({ size: 1 });
      expect(chunk).toHaveLength(1);
      got += text(chunk);
    }
    expect(got).toBe("abcdef");
  });

  it("without a size gives at most 65536 bytes", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const writing = peer.write(pattern(1_000_000));
    for (let missing = 1_000_000; missing > 0; ) {
      const chunk = await socket.recv();
      expect(chunk!.length).toBeLessThanOrEqual(65_536);
      missing -= chunk!.length;
    }
    await writing;
  });

  it("gives an array that is the program's own and stays as it is", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const kept: Uint8Array[] = [];
    for (let round = 0; round < 20; round++) {
      await peer.write(pattern(1000, round));
      kept.push(await receive(socket, 1000));
      // What the program does to one chunk shows in no other.
      const scratch = peer.write("scratch");
      const chunk = await socket.recv();
      chunk!.fill(0);
      await receive(socket, 7 - chunk!.length);
      await scratch;
    }
    kept.forEach((chunk, round) => {
      expect(difference(chunk, pattern(1000, round))).toBe("");
    });
  });

  it("gives an array that nobody keeps but the program", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    await peer.write("not kept");
    const chunk = await socket.recv().then((chunk) => new WeakRef(chunk!));
    await collectGarbage();
    expect(chunk.deref()).toBeUndefined();
  });

  it("gives an array whose memory can be transferred without disturbing later receives", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    for (let round = 0; round < 20; round++) {
      await peer.write(pattern(500, round));
      const chunk = await socket.recv();
      const moved = structuredClone(chunk!, { transfer: [chunk!.buffer as ArrayBuffer] });
      expect(chunk).toHaveLength(0);
      const all = Buffer.concat([moved, await receive(socket, 500 - moved.length)]);
      expect(difference(all, pattern(500, round))).toBe("");
    }
  });
});

describe("end of stream", () => {
  it("is null from recv and 0 from recvInto, as often as asked", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    await peer.end();
    for (let round = 0; round < 3; round++) {
      expect(await socket.recv()).toBeNull();
      expect(await socket.recvInto(new Uint8Array(8))).toBe(0);
    }
  });

  it("comes after all bytes sent before it", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const sent = pattern(200_000);
    peer.socket.end(sent);
    expect(difference(await receiveToEnd(socket), sent)).toBe("");
  });

  it("ends a receive that is already waiting", async () => {
    await using scope = new Scope();
    const { socket, peer } = await connected(scope);
    const pending = socket.recv();
    await turns(3);
    await peer.end();
    expect(await pending).toBeNull();
  });

  it("ends every outstanding receive, the first with the bytes that were left", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const pending = Array.from({ length: 10 }, () => socket.recv());
    await peer.write("z");
    expect(text(await pending[0]!)).toBe("z");
    await peer.end();
    expect(await Promise.all(pending.slice(1))).toEqual(Array(9).fill(null));
  });

  it("ends the iteration over a socket, which gave every byte", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const sent = pattern(150_000);
    peer.socket.end(sent);
    const chunks: Uint8Array[] = [];
    for await (const chunk of socket) chunks.push(chunk);
    expect(difference(Buffer.concat(chunks), sent)).toBe("");
  });
});

describe("several outstanding receives", () => {
  it("complete in the order of their submission and take the bytes in that order", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const completed: number[] = [];
    const chunks: Uint8Array[] = [];
    const pending = Array.from({ length: 200 }, async (_, index) => {
      const chunk = await socket.recv({ size: 50 });
      completed.push(index);
      chunks.push(chunk!);
    });
    // Not all at once: some receives complete at submission, some by later arrivals.
    const sent = pattern(200 * 50);
    for (let offset = 0; offset < sent.length; offset += 100)
      await peer.write(sent.subarray(offset, offset + 100));
    await peer.end();
    await Promise.all(pending);
    // Receives that got less than they had room for leave bytes over.
    chunks.push(await receiveToEnd(socket));
    expect(difference(Buffer.concat(chunks), sent)).toBe("");
    expect(completed).toEqual(Array.from({ length: 200 }, (_, index) => index));
  });

  it("of both kinds share the stream in the order of their submission", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const buffers = Array.from({ length: 20 }, () => new Uint8Array(3));
    const pending = buffers.map(async (buffer) => {
      const into = socket.recvInto(buffer);
      const own = socket.recv({ size: 2 });
      const length = await into;
      return Buffer.concat([buffer.subarray(0, length), (await own) ?? new Uint8Array(0)]);
    });
    const sent = pattern(100);
    await peer.write(sent);
    await peer.end();
    const chunks = await Promise.all(pending);
    expect(difference(Buffer.concat([...chunks, await receiveToEnd(socket)]), sent)).toBe("");
  });

  it("may be a thousand, each of which completes exactly once", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    let completions = 0;
    const pending = Array.from({ length: 1000 }, () =>
      socket.recv({ size: 1 }).then((chunk) => {
        completions++;
        return chunk![0];
      }),
    );
    const sent = pattern(1000);
    await peer.write(sent);
    expect(difference(Uint8Array.from((await Promise.all(pending)) as number[]), sent)).toBe("");
    await turns();
    expect(completions).toBe(1000);
  });
});

describe("recvInto", () => {
  it.each<[string, (memory: ArrayBuffer) => ArrayBufferView]>([
    ["a Uint8Array", (memory) => new Uint8Array(memory, 8, 16)],
    ["a Buffer", (memory) => Buffer.from(memory, 8, 16)],
    ["a DataView", (memory) => new DataView(memory, 8, 16)],
    ["a Float64Array", (memory) => new Float64Array(memory, 8, 2)],
    ["an Int16Array", (memory) => new Int16Array(memory, 8, 8)],
    ["a BigUint64Array", (memory) => new BigUint64Array(memory, 8, 2)],
  ])("fills %s, and nothing around the view", async (_, view) => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const memory = new ArrayBuffer(64);
    const all = new Uint8Array(memory).fill(0xee);
    await peer.write(pattern(16));
    await peer.end();
    let length = 0;
    // The view is filled from its start every time; collect until the end of the stream.
    const got: number[] = [];
    do {
      length = await socket.recvInto(view(memory));
      got.push(...all.subarray(8, 8 + length));
    } while (length > 0);
    expect(got).toEqual([...pattern(16)]);
    expect([...all.subarray(0, 8)]).toEqual(Array(8).fill(0xee));
    expect([...all.subarray(24)]).toEqual(Array(40).fill(0xee));
  });

  it("does not touch the bytes of the view beyond what it received", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const buffer = new Uint8Array(100).fill(0xee);
    await peer.write("q");
    expect(await socket.recvInto(buffer)).toBe(1);
    expect(buffer[0]).toBe("q".charCodeAt(0));
    expect([...buffer.subarray(1)]).toEqual(Array(99).fill(0xee));
  });

  it("takes a megabyte view", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const sent = pattern(1_000_000);
    peer.socket.end(sent);
    const buffer = new Uint8Array(1 << 20);
    const chunks: Uint8Array[] = [];
    for (let length = await socket.recvInto(buffer); length > 0; length = await socket.recvInto(buffer)) {
      chunks.push(buffer.slice(0, length));
    }
    expect(difference(Buffer.concat(chunks), sent)).toBe("");
  });
});

describe("a receive that is refused", () => {
  const refusals: [string, (socket: TcpSocket) => Promise<unknown>, string][] = [
    ["a size of 0", (socket) => socket.recv({ size: 0 }), "ERR_OUT_OF_RANGE"],
    ["a negative size", (socket) => socket.recv({ size: -1 }), "ERR_OUT_OF_RANGE"],
    ["a size above 65536", (socket) => socket.recv({ size: 65_537 }), "ERR_OUT_OF_RANGE"],
    ["a fractional size", (socket) => socket.recv({ size: 1.5 }), "ERR_OUT_OF_RANGE"],
    ["a size that is NaN", (socket) => socket.recv({ size: Number.NaN }), "ERR_OUT_OF_RANGE"],
    ["a size that is no number", (socket) => socket.recv({ size: "9" as never }), "ERR_INVALID_ARG_TYPE"],
    ["a signal that is none", (socket) => socket.recv({ signal: {} as never }), "ERR_INVALID_ARG_TYPE"],
    ["an unknown option", (socket) => socket.recv({ length: 5 } as never), "ERR_INVALID_ARG_VALUE"],
    ["options that are no object", (socket) => socket.recv(5 as never), "ERR_INVALID_ARG_TYPE"],
    ["no buffer", (socket) => socket.recvInto(undefined as never), "ERR_INVALID_ARG_TYPE"],
    ["null for a buffer", (socket) => socket.recvInto(null as never), "ERR_INVALID_ARG_TYPE"],
    ["a string for a buffer", (socket) => socket.recvInto("abc" as never), "ERR_INVALID_ARG_TYPE"],
    ["an array for a buffer", (socket) => socket.recvInto([1, 2] as never), "ERR_INVALID_ARG_TYPE"],
    [
      "an ArrayBuffer without a view",
      (socket) => socket.recvInto(new ArrayBuffer(8) as never),
      "ERR_INVALID_ARG_TYPE",
    ],
    ["an empty buffer", (socket) => socket.recvInto(new Uint8Array(0)), "ERR_INVALID_ARG_VALUE"],
  ];

  it.each(refusals)("for %s rejects, never throws, and takes no byte", async (_, call, code) => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const refused = failure(call(socket), code);
    expect((await refused).message.length).toBeGreaterThan(20);
    await peer.write("intact");
    expect(text(await receive(socket, 6))).toBe("intact");
  });

  it("on a socket with handlers says ERR_INVALID_STATE", async () => {
    await using scope = new Scope();
    const listener = scope.use(await listen({ host: "127.0.0.1" }));
    const socket = scope.use(
      await connect({ host: "127.0.0.1", port: listener.address.port }, { data() {} }),
    );
    await failure(socket.recv(), "ERR_INVALID_STATE");
    await failure(socket.recvInto(new Uint8Array(1)), "ERR_INVALID_STATE");
  });

  it("on a closed socket says EBADF", async () => {
    await using scope = new Scope();
    const { socket } = await accepted(scope);
    await socket.close();
    await failure(socket.recv(), "EBADF");
    await failure(socket.recvInto(new Uint8Array(1)), "EBADF");
  });
});
