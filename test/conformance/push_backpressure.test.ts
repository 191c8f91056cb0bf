import type { SendData, TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { difference, pattern, receive, receiveToEnd } from "../support/bytes.js";
import { dropped } from "../support/dropped.js";
import { thrown } from "../support/failure.js";
import { narrow, STALLING_SIZE } from "../support/peers.js";
import { pushPair } from "../support/push.js";
import { Recorder } from "../support/recorder.js";
import { Scope } from "../support/scope.js";
import { turns, until } from "../support/wait.js";

/** A socket with STALLING_SIZE bytes written, of which the operating system cannot take all. */
async function stalled(scope: Scope, options = {}) {
  const recorder = new Recorder();
  const { socket, client } = await pushPair(scope, recorder, { ...narrow, ...options });
  const data = pattern(STALLING_SIZE);
  const result = socket.write(data);
  await turns();
  return { socket, client, recorder, data, result };
}

describe("write", () => {
  it("returns true for what the operating system takes at once, and no drain follows", async () => {
    await using scope = new Scope();
    const recorder = new Recorder();
    const { socket, client } = await pushPair(scope, recorder);
    for (let round = 0; round < 20; round++) {
      expect(socket.write("a little")).toBe(true);
      await receive(client, 8);
    }
    await turns();
    expect(recorder.names()).toEqual(["open"]);
  });

  it("returns false when highWaterMark bytes or more are queued, and drain follows once", async () => {
    await using scope = new Scope();
    const { client, recorder, data, result } = await stalled(scope);
    expect(result).toBe(false);
    expect(recorder.count("drain")).toBe(0);
    expect(difference(await receive(client, data.length), data)).toBe("");
    await recorder.next("drain");
    await turns();
    expect(recorder.count("drain")).toBe(1);
  });

  it("counts small writes that the engine has just taken, when it answers a large one", async () => {
    await using scope = new Scope();
    const recorder = new Recorder();
    const { socket, client } = await pushPair(scope, recorder, { ...narrow, highWaterMark: 100_000 });
    const before = socket.send(new Uint8Array(STALLING_SIZE)); // everything after it has to wait
    expect(socket.write(new Uint8Array(100))).toBe(true);
    expect(socket.write(new Uint8Array(99_900))).toBe(false);
    expect(socket.writableLength).toBe(100_000);
    await receive(client, STALLING_SIZE + 100_000);
    await before;
    await recorder.next("drain");
  });

  it("keeps returning false until drain, which comes once for all of them", async () => {
    await using scope = new Scope();
    const { socket, client, recorder, data } = await stalled(scope);
    for (let count = 0; count < 10; count++) expect(socket.write("more")).toBe(false);
    await turns();
    expect(recorder.count("drain")).toBe(0);
    await receive(client, data.length + 40);
    await recorder.next("drain");
    await turns();
    expect(recorder.count("drain")).toBe(1);
    expect(socket.write("again")).toBe(true);
  });

  it("that returned false again is followed by a drain again", async () => {
    await using scope = new Scope();
    const { socket, client, recorder, data } = await stalled(scope);
    for (let round = 1; round <= 3; round++) {
      await receive(client, data.length);
      await recorder.next("drain", round);
      expect(socket.write(data)).toBe(false);
    }
    await receive(client, data.length);
    await recorder.next("drain", 4);
  });

  it("may be called inside drain, and every false there is followed by another drain", async () => {
    await using scope = new Scope();
    const data = pattern(STALLING_SIZE / 4);
    const recorder = new Recorder({
      drain(socket) {
        if (recorder.count("drain") <= 8) expect(socket.write(data)).toBe(false);
      },
    });
    const { socket, client } = await pushPair(scope, recorder, narrow);
    const total = Buffer.concat([pattern(STALLING_SIZE, 2), ...Array<Uint8Array>(8).fill(data)]);
    expect(socket.write(total.subarray(0, STALLING_SIZE))).toBe(false);
    expect(difference(await receive(client, total.length), total)).toBe("");
    await recorder.next("drain", 9);
  });

  it("finds nothing queued any more inside drain", async () => {
    await using scope = new Scope();
    const lengths: number[] = [];
    const recorder = new Recorder({ drain: (socket) => void lengths.push(socket.writableLength) });
    const { socket, client } = await pushPair(scope, recorder, narrow);
    socket.write(pattern(STALLING_SIZE));
    await receive(client, STALLING_SIZE);
    await recorder.next("drain");
    expect(lengths).toEqual([0]);
  });

  it("keeps bytes whole and in order, whatever the sizes and however slow the reader", async () => {
    await using scope = new Scope();
    const sent: Uint8Array[] = [];
    let left = 12 * 1024 * 1024;
    const fill = (socket: TcpSocket) => {
      for (let going = true; going && left > 0; ) {
        const piece = pattern(Math.min(left, 1 + ((sent.length * 7919) % 90_000)), sent.length);
        sent.push(piece);
        left -= piece.length;
        going = socket.write(piece);
      }
      if (left === 0) void socket.shutdown();
    };
    const { client } = await pushPair(scope, new Recorder({ open: fill, drain: fill }), narrow);
    const received: Uint8Array[] = [];
    for (let size = 1; ; size = Math.min(size * 2, 65_536)) {
      const chunk = await client.recv({ size });
      if (chunk === null) break;
      received.push(chunk);
      if (received.length % 16 === 0) await turns(1);
    }
    expect(difference(Buffer.concat(received), Buffer.concat(sent))).toBe("");
  });

  const forms: [string, () => { data: SendData; spoil: () => void; bytes: Uint8Array }][] = [
    [
      "a small buffer",
      () => {
        const data = pattern(100);
        return { data, spoil: () => data.fill(0), bytes: pattern(100) };
      },
    ],
    [
      "a large buffer",
      () => {
        const data = pattern(300_000);
        return { data, spoil: () => data.fill(0), bytes: pattern(300_000) };
      },
    ],
    [
      "a list",
      () => {
        const data = [pattern(10), "text", pattern(50_000, 2)] as [Uint8Array, string, Uint8Array];
        const bytes = Buffer.concat([pattern(10), Buffer.from("text"), pattern(50_000, 2)]);
        const spoil = () => {
          data[0].fill(0);
          data[2].fill(0);
          data.length = 0 as never;
        };
        return { data, spoil, bytes };
      },
    ],
    [
      "a buffer that is transferred away",
      () => {
        const data = pattern(200_000);
        return {
          data,
          spoil: () => structuredClone(data, { transfer: [data.buffer] }),
          bytes: pattern(200_000),
        };
      },
    ],
  ];
  it.each(forms)("has taken its bytes when it returns: %s may be changed at once", async (_, make) => {
    await using scope = new Scope();
    const { socket, client } = await pushPair(scope, new Recorder(), narrow);
    // Once with nothing queued before, once behind bytes that wait.
    const first = make();
    socket.write(first.data);
    first.spoil();
    expect(difference(await receive(client, first.bytes.length), first.bytes)).toBe("");
    socket.write(pattern(STALLING_SIZE, 3));
    await turns();
    const second = make();
    socket.write(second.data);
    second.spoil();
    await receive(client, STALLING_SIZE);
    expect(difference(await receive(client, second.bytes.length), second.bytes)).toBe("");
  });

  it.each([
    ["an empty string", ""],
    ["an empty array", new Uint8Array(0)],
    ["an empty list", []],
    ["a list of nothing", ["", new Uint8Array(0)]],
  ] as [string, SendData][])("of %s sends nothing and returns true", async (_, nothing) => {
    await using scope = new Scope();
    const recorder = new Recorder();
    const { socket, client } = await pushPair(scope, recorder);
    expect(socket.write(nothing)).toBe(true);
    expect(socket.write("x")).toBe(true);
    expect(socket.write(nothing)).toBe(true);
    await socket.shutdown();
    expect((await receiveToEnd(client)).toString()).toBe("x");
    expect(recorder.count("drain")).toBe(0);
  });

  it("after shutdown() drops the bytes, and what was written before still arrives", async () => {
    await using scope = new Scope();
    const { socket, client } = await pushPair(scope, new Recorder());
    socket.write("before");
    const ending = socket.shutdown();
    dropped(socket);
    await ending;
    dropped(socket);
    expect((await receiveToEnd(client)).toString()).toBe("before");
  });

  it("after close() drops the bytes, inside the close handler too", async () => {
    await using scope = new Scope();
    let inside = 0;
    const recorder = new Recorder({
      close(socket) {
        dropped(socket);
        inside++;
      },
    });
    const { socket } = await pushPair(scope, recorder);
    const closing = socket.close();
    dropped(socket);
    await closing;
    await recorder.next("close");
    expect(inside).toBe(1);
  });

  it("that was refused leaves what is queued alone", async () => {
    await using scope = new Scope();
    const { socket, client, data } = await stalled(scope);
    const before = socket.writableLength;
    thrown(() => socket.write(5 as never), "ERR_INVALID_ARG_TYPE");
    thrown(() => socket.write(["fine", 5 as never]), "ERR_INVALID_ARG_TYPE");
    expect(socket.writableLength).toBe(before);
    void socket.shutdown();
    expect(difference(await receiveToEnd(client), data)).toBe("");
  });
});

describe("highWaterMark", () => {
  it("of more than is written never makes write() return false", async () => {
    await using scope = new Scope();
    const { client, recorder, result } = await stalled(scope, { highWaterMark: 4 * STALLING_SIZE });
    expect(result).toBe(true);
    await receive(client, STALLING_SIZE);
    await turns();
    expect(recorder.count("drain")).toBe(0);
  });

  it.each([1, 1000, 65_536, 1_000_000])("of %i is where write() turns false", async (mark) => {
    await using scope = new Scope();
    const recorder = new Recorder();
    const { socket, client } = await pushPair(scope, recorder, { ...narrow, highWaterMark: mark });
    // Fills what the system has room for, until a few bytes have to be queued.
    let written = 0;
    while (socket.writableLength === 0) {
      socket.write(pattern(8192));
      written += 8192;
      await turns(1);
    }
    const piece = Math.ceil(mark / 10);
    for (let going = true, round = 0; going; round++, written += piece) {
      // At most 10 of them fit below the mark.
      expect(round).toBeLessThan(11);
      going = socket.write(pattern(piece));
      expect(going).toBe(socket.writableLength < mark);
    }
    const drains = recorder.count("drain");
    await receive(client, written);
    await recorder.next("drain", drains + 1);
    expect(socket.writableLength).toBe(0);
  });

  it.each([10, 5000, 9000, 100_000])("ends a loop that writes %i bytes while it may", async (size) => {
    await using scope = new Scope();
    const recorder = new Recorder();
    const { socket, client } = await pushPair(scope, recorder, narrow);
    const piece = pattern(size);
    // No turn of the loop passes: only write() itself can say that it is enough.
    let written = 0;
    for (let going = true; going && written <= 2 * STALLING_SIZE; written += size)
      going = socket.write(piece);
    expect(written).toBeLessThan(STALLING_SIZE);
    await receive(client, written);
    await recorder.next("drain");
    expect(socket.write("again")).toBe(true);
  });

  it("set on the listener holds for the sockets that it accepts", async () => {
    await using scope = new Scope();
    const recorder = new Recorder();
    const { socket, client } = await pushPair(scope, recorder, { ...narrow, highWaterMark: 1 << 30 });
    expect(socket.write(pattern(STALLING_SIZE))).toBe(true);
    await receive(client, STALLING_SIZE);
  });
});

describe("writableLength", () => {
  it("is 0 on a fresh socket and after what the operating system took", async () => {
    await using scope = new Scope();
    const { socket, client } = await pushPair(scope, new Recorder());
    expect(socket.writableLength).toBe(0);
    socket.write("taken");
    await receive(client, 5);
    await until(() => socket.writableLength === 0);
  });

  it("counts what the operating system has not taken", async () => {
    await using scope = new Scope();
    const { socket, client, data } = await stalled(scope);
    const before = socket.writableLength;
    expect(before).toBeGreaterThan(0);
    expect(before).toBeLessThan(data.length);
    await receive(client, data.length);
    await until(() => socket.writableLength === 0);
  });

  it("shrinks as the operating system takes more", async () => {
    await using scope = new Scope();
    const { socket, client } = await pushPair(scope, new Recorder(), narrow);
    for (let count = 0; count < 128; count++) socket.write(pattern(65_536, count));
    await turns();
    const before = socket.writableLength;
    await receive(client, 4 * 1024 * 1024);
    await until(() => socket.writableLength < before);
    expect(socket.writableLength).toBeGreaterThan(0);
    await receive(client, 4 * 1024 * 1024);
    await until(() => socket.writableLength === 0);
  });

  it("grows by the bytes, not the characters, of every write to a stalled socket", async () => {
    await using scope = new Scope();
    const { socket, client } = await stalled(scope);
    const before = socket.writableLength;
    socket.write("grüße €");
    expect(socket.writableLength).toBe(before + 11);
    socket.write(["é", new Uint8Array(5)]);
    expect(socket.writableLength).toBe(before + 18);
    socket.write("");
    expect(socket.writableLength).toBe(before + 18);
    await receive(client, STALLING_SIZE + 18);
  });

  it("is 0 once the socket is closed with bytes still queued", async () => {
    await using scope = new Scope();
    const { socket, recorder } = await stalled(scope);
    await socket.close();
    await recorder.next("close");
    expect(socket.writableLength).toBe(0);
  });
});

describe("drain", () => {
  it("does not follow when the socket is closed first", async () => {
    await using scope = new Scope();
    const { socket, client, recorder } = await stalled(scope);
    await socket.close();
    await receiveToEnd(client).catch(() => {});
    await recorder.next("close");
    await turns();
    expect(recorder.names(socket)).toEqual(["open", "close"]);
  });

  it("does not follow when the peer resets the connection first", async () => {
    await using scope = new Scope();
    const { socket, client, recorder } = await stalled(scope);
    await client.reset();
    await recorder.next("close");
    await turns();
    expect(recorder.names(socket)).toEqual(["open", "error", "close"]);
  });

  it("comes while the socket is paused, too", async () => {
    await using scope = new Scope();
    const { socket, client, recorder } = await stalled(scope);
    socket.pause();
    await receive(client, STALLING_SIZE);
    await recorder.next("drain");
    expect(socket.paused).toBe(true);
  });

  it("of one socket does not wait for another that is stalled", async () => {
    await using scope = new Scope();
    const first = await stalled(scope);
    const second = await stalled(scope);
    await receive(second.client, STALLING_SIZE);
    await second.recorder.next("drain");
    expect(first.recorder.count("drain")).toBe(0);
  });
});
