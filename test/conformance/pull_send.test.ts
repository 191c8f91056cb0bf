import type { SendData, TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { difference, pattern, receive, receiveToEnd } from "../support/bytes.js";
import { dropped } from "../support/dropped.js";
import { failure, thrown } from "../support/failure.js";
import { accepted, connected, narrow, pair, STALLING_SIZE } from "../support/peers.js";
import { Scope } from "../support/scope.js";
import { turns, watch } from "../support/wait.js";

const encode = (text: string) => new TextEncoder().encode(text);

describe("a send", () => {
  const forms: [string, SendData, Uint8Array][] = [
    ["a Uint8Array", encode("plain"), encode("plain")],
    ["a Buffer", Buffer.from("buffer"), encode("buffer")],
    ["a view into a larger buffer", encode("..inside..").subarray(2, 8), encode("inside")],
    ["an ASCII string", "ascii", encode("ascii")],
    ["a string as UTF-8", "grüße, 世界 🌍", encode("grüße, 世界 🌍")],
    ["a string with a lone surrogate as U+FFFD", "a\ud800b", encode("a\ufffdb")],
    ["a string with a NUL", "a\0b", encode("a\0b")],
    ["a list of bytes", [encode("one "), Buffer.from("two "), encode("three")], encode("one two three")],
    ["a list of bytes and strings", ["é1", encode("2"), "3€"], encode("é123€")],
    ["a list of one", ["single"], encode("single")],
    ["a list with empty pieces", ["", encode("a"), new Uint8Array(0), "b", ""], encode("ab")],
    ["a list with the same bytes twice", Array(3).fill(encode("again")), encode("againagainagain")],
  ];

  it.each(forms)(
    "of %s completes with the number of bytes, and the peer gets them",
    async (_, data, bytes) => {
      await using scope = new Scope();
      const { socket, peer } = await connected(scope);
      expect(await socket.send(data)).toBe(bytes.length);
      expect(difference(await peer.read(bytes.length), bytes)).toBe("");
      await socket.shutdown();
      expect(await peer.next()).toBeNull();
    },
  );

  it("of a megabyte string counts bytes, not characters", async () => {
    await using scope = new Scope();
    const { socket, peer } = await connected(scope);
    const text = "pörtside€".repeat(100_000);
    const reading = peer.readToEnd();
    expect(await socket.send(text)).toBe(Buffer.byteLength(text));
    await socket.shutdown();
    expect(difference(await reading, encode(text))).toBe("");
  });

  it("completes only when the operating system has taken all the bytes", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    const data = pattern(STALLING_SIZE);
    const sending = client.send(data);
    const state = watch(sending);
    await turns(50);
    expect(state.settled).toBe(false);
    expect(difference(await receive(server, data.length), data)).toBe("");
    expect(await sending).toBe(data.length);
  });

  it("allows the buffer to be used again as soon as it has completed", async () => {
    await using scope = new Scope();
    const { socket, peer } = await connected(scope);
    const reading = peer.read(200 * 5000);
    const buffer = new Uint8Array(5000);
    const expected: Uint8Array[] = [];
    for (let round = 0; round < 200; round++) {
      const content = pattern(5000, round);
      expected.push(content);
      buffer.set(content);
      await socket.send(buffer);
      buffer.fill(0);
    }
    expect(difference(await reading, Buffer.concat(expected))).toBe("");
  });

  it("allows a stalled buffer to be used again as soon as it has completed", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    const data = pattern(STALLING_SIZE);
    const content = data.slice();
    const sending = client.send(data).then(() => {
      data.fill(0);
      return client.shutdown();
    });
    expect(difference(await receiveToEnd(server), content)).toBe("");
    await sending;
  });

  it("does not look again at a list that the program changes after the call", async () => {
    await using scope = new Scope();
    const { socket, peer } = await connected(scope);
    const list = ["first ", encode("second")];
    const sending = socket.send(list);
    list.length = 0;
    list.push("other");
    expect(await sending).toBe(12);
    await socket.shutdown();
    expect((await peer.readToEnd()).toString()).toBe("first second");
  });
});

describe("several outstanding sends", () => {
  it("complete in the order of their submission, and the bytes arrive in that order", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    const pieces = Array.from({ length: 300 }, (_, index) => pattern((index * 7919) % 40_000, index));
    const completed: number[] = [];
    const sending = Promise.all(
      pieces.map(async (piece, index) => {
        expect(await client.send(piece)).toBe(piece.length);
        completed.push(index);
      }),
    ).then(() => client.shutdown());
    expect(difference(await receiveToEnd(server), Buffer.concat(pieces))).toBe("");
    await sending;
    expect(completed).toEqual(pieces.map((_, index) => index));
  });

  it("mix with write() in the order of the calls", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    const expected: Uint8Array[] = [];
    const sends: Promise<number>[] = [];
    for (let index = 0; index < 60; index++) {
      const piece = pattern(30_000, index);
      expected.push(piece);
      if (index % 3 === 0) client.write(piece);
      else sends.push(client.send(index % 3 === 1 ? piece : [piece.subarray(0, 11), piece.subarray(11)]));
    }
    const ending = client.shutdown();
    expect(difference(await receiveToEnd(server), Buffer.concat(expected))).toBe("");
    expect(await Promise.all(sends)).toEqual(Array(40).fill(30_000));
    await ending;
  });
});

describe("write in pull style", () => {
  it("returns true while less than highWaterMark bytes are queued, and false from there on", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, { ...narrow, highWaterMark: 100_000 });
    expect(client.write("small")).toBe(true);
    expect(client.write(pattern(STALLING_SIZE))).toBe(false);
    expect(client.writableLength).toBeGreaterThan(0);
    await receive(server, 5 + STALLING_SIZE);
    await client.send("");
    expect(client.writableLength).toBe(0);
    expect(client.write("small again")).toBe(true);
  });
});

describe("a send that is refused", () => {
  const refusals: [string, (socket: TcpSocket) => Promise<unknown>, string][] = [
    ["nothing", (socket) => socket.send(undefined as never), "ERR_INVALID_ARG_TYPE"],
    ["null", (socket) => socket.send(null as never), "ERR_INVALID_ARG_TYPE"],
    ["a number", (socket) => socket.send(5 as never), "ERR_INVALID_ARG_TYPE"],
    ["an object", (socket) => socket.send({ length: 3 } as never), "ERR_INVALID_ARG_TYPE"],
    ["a list with a number", (socket) => socket.send(["a", 5 as never]), "ERR_INVALID_ARG_TYPE"],
    ["a list with a hole", (socket) => socket.send(new Array<string>(2)), "ERR_INVALID_ARG_TYPE"],
    ["a list in a list", (socket) => socket.send([["a"]] as never), "ERR_INVALID_ARG_TYPE"],
    [
      "a signal that is none",
      (socket) => socket.send("x", { signal: "no" as never }),
      "ERR_INVALID_ARG_TYPE",
    ],
    ["an unknown option", (socket) => socket.send("x", { sgnal: 1 } as never), "ERR_INVALID_ARG_VALUE"],
  ];

  it.each(refusals)("for %s rejects, never throws, and sends nothing", async (_, call, code) => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const before = socket.send("before,");
    expect((await failure(call(socket), code)).message.length).toBeGreaterThan(20);
    await before;
    await socket.send("after");
    await socket.shutdown();
    expect((await peer.readToEnd()).toString()).toBe("before,after");
  });

  it("leaves the other sends that are outstanding alone", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    const data = pattern(STALLING_SIZE);
    const sending = client.send(data);
    await failure(client.send(7 as never), "ERR_INVALID_ARG_TYPE");
    expect(thrown(() => client.write(7 as never)).code).toBe("ERR_INVALID_ARG_TYPE");
    expect(difference(await receive(server, data.length), data)).toBe("");
    expect(await sending).toBe(data.length);
  });

  it("on a closed socket says EBADF; what is written to it is dropped", async () => {
    await using scope = new Scope();
    const { socket } = await accepted(scope);
    await socket.close();
    await failure(socket.send("late"), "EBADF");
    dropped(socket);
  });
});
