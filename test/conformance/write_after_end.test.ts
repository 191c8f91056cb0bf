import { CompletionPort, listen, type SendData, type TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { difference, pattern, receiveToEnd } from "../support/bytes.js";
import { dropped } from "../support/dropped.js";
import { failure, thrown } from "../support/failure.js";
import { accepted, connected, narrow, netClient, STALLING_SIZE } from "../support/peers.js";
import { pushAccepted, pushPair, sides } from "../support/push.js";
import { Recorder } from "../support/recorder.js";
import { Scope } from "../support/scope.js";
import { deferred, turns, until } from "../support/wait.js";

/** Runs it in a timer of its own, where nobody would catch an exception. */
function fromTimer<Value>(call: () => Value): Promise<Value> {
  return new Promise((resolve, reject) => {
    setTimeout(() => {
      try {
        resolve(call());
      } catch (error) {
        reject(error);
      }
    });
  });
}

const pullSides = [
  { side: "an accepted socket", open: accepted },
  { side: "a connected socket", open: connected },
];

/** Data, and how many bytes it is. */
const forms: [string, SendData, number][] = [
  ["a string", "hello", 5],
  ["a string of other than ASCII", "zażółć 🦀", 15],
  ["a string with half a character", "\ud800", 3],
  ["an empty string", "", 0],
  ["a Uint8Array", new Uint8Array(1000), 1000],
  ["a part of a Buffer", Buffer.alloc(100).subarray(10, 17), 7],
  ["a Float64Array", new Float64Array(3), 24],
  ["a BigInt64Array", new BigInt64Array(2), 16],
  ["a DataView", new DataView(new ArrayBuffer(32), 8, 9), 9],
  ["an ArrayBuffer", new ArrayBuffer(11), 11],
  ["a list", ["ü", new Uint8Array(10), new ArrayBuffer(3), new DataView(new ArrayBuffer(4))], 19],
  ["an empty list", [], 0],
  ["megabytes", new Uint8Array(STALLING_SIZE), STALLING_SIZE],
];

const notData: [string, unknown][] = [
  ["nothing", undefined],
  ["null", null],
  ["a number", 7],
  ["an object", { byteLength: 3 }],
  ["a list with a number", ["fine", 7]],
];

describe("a server that answers later", () => {
  const ways = ["end", "reset"] as const;
  it.each(ways)("outlives a client that has said %s() meanwhile", async (way) => {
    await using scope = new Scope();
    const answers: Promise<boolean>[] = [];
    const closed = deferred();
    const listener = scope.use(
      await listen(
        { host: "127.0.0.1" },
        {
          data: (socket) =>
            void answers.push(closed.promise.then(() => fromTimer(() => socket.write("answer")))),
          close: () => closed.resolve(),
        },
      ),
    );
    const before = CompletionPort.default.stats().bytesDropped;
    const peer = await netClient(scope, listener.address.port);
    await peer.write("question");
    await until(() => answers.length > 0);
    await peer[way]();
    await closed.promise;
    expect(await Promise.all(answers)).toEqual(answers.map(() => false));
    expect(CompletionPort.default.stats().bytesDropped).toBe(before + 6 * answers.length);
  });
});

describe.each(sides)("end() in push style, of $side with an end handler,", ({ open }) => {
  it("closes the socket once both have ended, whoever was first", async () => {
    for (const first of ["the peer", "we"]) {
      await using scope = new Scope();
      const ended = deferred();
      const closed = deferred();
      const { socket, peer } = await open(
        scope,
        new Recorder({ end: () => ended.resolve(), close: () => closed.resolve() }),
      );
      if (first === "we") socket.end("bye");
      await peer.end();
      await ended.promise;
      if (first === "the peer") {
        expect(socket.closed).toBe(false);
        socket.end("bye");
      }
      await closed.promise;
      expect(socket.closed).toBe(true);
    }
  });
});

describe.each(sides)("end() behind a shutdown(), of $side with an end handler,", ({ open }) => {
  it.each([
    ["that is done", async (socket: TcpSocket) => void (await socket.shutdown())],
    ["that waits", async (socket: TcpSocket) => void socket.shutdown()],
  ])("%s, closes the socket once the peer has ended as well", async (_, shutDown) => {
    for (const first of ["the peer", "we"]) {
      await using scope = new Scope();
      const { socket, peer, recorder } = await open(scope);
      if (first === "the peer") {
        await peer.end();
        await recorder.next("end");
      }
      await shutDown(socket);
      const { bytesDropped } = CompletionPort.default.stats();
      socket.end("too late");
      expect(CompletionPort.default.stats().bytesDropped).toBe(bytesDropped + 8);
      expect(await peer.readToEnd()).toHaveLength(0);
      if (first === "we") await peer.end();
      await recorder.next("close");
      expect(recorder.names(socket)).toEqual(["open", "end", "close"]);
    }
  });

  it("that is cancelled then, sends a FIN all the same", async () => {
    await using scope = new Scope();
    const { socket, peer } = await open(scope, new Recorder(), narrow);
    socket.write(pattern(STALLING_SIZE));
    const controller = new AbortController();
    const ending = failure(socket.shutdown({ signal: controller.signal }), "ECANCELED");
    socket.end();
    controller.abort();
    await ending;
    expect(difference(await peer.readToEnd(), pattern(STALLING_SIZE))).toBe("");
  });
});

describe("end() of a push-style socket whose shutdown() has found the peer gone", () => {
  it("closes it", async () => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await pushAccepted(scope);
    await peer.end();
    await recorder.next("end");
    await peer.reset();
    // Nothing else tells of a reset behind a FIN.
    await socket.shutdown().catch(() => {});
    socket.end("answer");
    await recorder.next("close");
  });
});

describe.each(sides)("write() in push style, to $side", ({ open }) => {
  const ways: [
    string,
    (its: { socket: TcpSocket; peer: { end(): unknown; reset(): unknown } }) => unknown,
  ][] = [
    ["that closed itself after the peer's FIN", ({ peer }) => peer.end()],
    ["that the peer has reset", ({ peer }) => peer.reset()],
    ["that was closed", ({ socket }) => socket.close()],
    ["that was reset", ({ socket }) => socket.reset()],
  ];
  it.each(ways)("%s, drops the bytes, and counts them", async (_, way) => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await open(scope, new Recorder({}, ["end"]));
    await way({ socket, peer });
    await recorder.next("close");
    for (const [, data, bytes] of forms) await fromTimer(() => dropped(socket, data, bytes));
    expect(socket.writableLength).toBe(0);
    await turns();
    expect(recorder.names(socket).at(-1)).toBe("close");
  });

  it.each(["error", "close"] as const)("that was lost, within %s, drops the bytes", async (handler) => {
    await using scope = new Scope();
    let calls = 0;
    const recorder = new Recorder({
      [handler](socket: TcpSocket) {
        dropped(socket);
        expect(socket.end("too late")).toBe(socket);
        calls++;
      },
    });
    const { peer } = await open(scope, recorder);
    await peer.reset();
    await recorder.next("close");
    expect(calls).toBe(1);
  });

  it("that was closed, throws for what is no data, and counts nothing", async () => {
    await using scope = new Scope();
    const { socket } = await open(scope);
    await socket.close();
    const { bytesDropped } = CompletionPort.default.stats();
    for (const [, data] of notData) thrown(() => socket.write(data as never), "ERR_INVALID_ARG_TYPE");
    thrown(() => socket.end(null as never), "ERR_INVALID_ARG_TYPE");
    expect(CompletionPort.default.stats().bytesDropped).toBe(bytesDropped);
  });
});

describe.each(pullSides)("write() in pull style, to $side", ({ open }) => {
  it("whose peer has sent a FIN, still sends", async () => {
    await using scope = new Scope();
    const { socket, peer } = await open(scope);
    await peer.end();
    expect(await socket.recv()).toBeNull();
    expect(socket.write("half-closed, ")).toBe(true);
    socket.end("not dead");
    expect((await peer.readToEnd()).toString()).toBe("half-closed, not dead");
  });

  it("that a receive has found lost, drops the bytes, and counts them", async () => {
    await using scope = new Scope();
    const { socket, peer } = await open(scope);
    await peer.reset();
    await failure(socket.recv(), "ECONNRESET");
    for (const [, data, bytes] of forms) await fromTimer(() => dropped(socket, data, bytes));
  });

  it("that nobody has found lost yet, never throws, and soon drops the bytes", async () => {
    await using scope = new Scope();
    const { socket, peer } = await open(scope);
    await peer.reset();
    const { bytesDropped } = CompletionPort.default.stats();
    while (await fromTimer(() => socket.write("anybody there?")));
    expect(CompletionPort.default.stats().bytesDropped).toBeGreaterThan(bytesDropped);
    dropped(socket);
  });

  it.each(["close", "reset", "shutdown"] as const)("after %s() drops the bytes", async (way) => {
    await using scope = new Scope();
    const { socket } = await open(scope);
    const done = socket[way]();
    for (const [, data, bytes] of forms) dropped(socket, data, bytes);
    await done;
    for (const [, data, bytes] of forms) await fromTimer(() => dropped(socket, data, bytes));
    for (const [, data] of notData) thrown(() => socket.write(data as never), "ERR_INVALID_ARG_TYPE");
  });

  it("after a shutdown() that was cancelled, sends", async () => {
    await using scope = new Scope();
    const { socket, peer } = await open(scope, narrow);
    const stalling = socket.send(pattern(STALLING_SIZE));
    const controller = new AbortController();
    const ending = failure(socket.shutdown({ signal: controller.signal }), "ECANCELED");
    dropped(socket);
    controller.abort();
    await ending;
    socket.write("not at its end");
    await peer.read(STALLING_SIZE);
    await stalling;
    expect((await peer.read(14)).toString()).toBe("not at its end");
  });
});

describe.each(sides)("end() in push style, of $side", ({ open }) => {
  it("sends the data, then a FIN, behind everything written", async () => {
    await using scope = new Scope();
    const { socket, peer } = await open(scope, new Recorder(), narrow);
    socket.write(pattern(STALLING_SIZE));
    expect(socket.end("last words")).toBe(socket);
    const all = await peer.readToEnd();
    expect(difference(all.subarray(0, STALLING_SIZE), pattern(STALLING_SIZE))).toBe("");
    expect(all.subarray(STALLING_SIZE).toString()).toBe("last words");
  });

  it("without data sends a FIN only", async () => {
    await using scope = new Scope();
    const { socket, peer } = await open(scope);
    socket.end();
    expect(await peer.readToEnd()).toHaveLength(0);
  });

  it("drops what is written after it, and fails what is sent with EPIPE", async () => {
    await using scope = new Scope();
    const { socket, peer } = await open(scope);
    socket.end("before");
    dropped(socket, "after", 5);
    await failure(socket.send("after"), "EPIPE");
    await turns();
    dropped(socket, "after", 5);
    expect((await peer.readToEnd()).toString()).toBe("before");
  });

  it("twice is harmless, counts the second one's data, and leaves shutdown() possible", async () => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await open(scope);
    const { bytesDropped } = CompletionPort.default.stats();
    socket.end("once").end().end(" twice");
    expect(CompletionPort.default.stats().bytesDropped).toBe(bytesDropped + 6);
    await turns();
    socket.end();
    await socket.shutdown();
    expect((await peer.readToEnd()).toString()).toBe("once");
    await peer.end();
    await recorder.next("close");
    expect(recorder.names(socket)).toEqual(["open", "end", "close"]);
  });

  it("lets receiving go on; without an end handler it closes itself after the peer's FIN", async () => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await open(scope, new Recorder({}, ["end"]));
    socket.end("request");
    expect((await peer.readToEnd()).toString()).toBe("request");
    await peer.write("response");
    await recorder.received(8);
    expect(socket.closed).toBe(false);
    await peer.end();
    await recorder.next("close");
    expect(recorder.bytes(socket).toString()).toBe("response");
    expect(recorder.names(socket)).toEqual(["open", "data", "close"]);
  });

  it("within data answers and ends", async () => {
    await using scope = new Scope();
    const recorder = new Recorder({ data: (socket, chunk) => void socket.end([chunk, "!"]) }, ["end"]);
    const { socket, peer } = await open(scope, recorder);
    await peer.write("hello");
    expect((await peer.readToEnd()).toString()).toBe("hello!");
    await peer.end();
    await recorder.next("close");
    expect(recorder.names(socket)).toEqual(["open", "data", "close"]);
  });

  it("refuses what is no data, and then has sent neither that nor a FIN", async () => {
    await using scope = new Scope();
    const { socket, peer } = await open(scope);
    for (const [, data] of notData.slice(1)) thrown(() => socket.end(data as never), "ERR_INVALID_ARG_TYPE");
    socket.end("goes on");
    expect((await peer.readToEnd()).toString()).toBe("goes on");
  });

  it("of a closed one counts its data, and does nothing else", async () => {
    await using scope = new Scope();
    const { socket, recorder } = await open(scope);
    await socket.close();
    const { bytesDropped, submitted } = CompletionPort.default.stats();
    expect(socket.end("gone").end()).toBe(socket);
    expect(CompletionPort.default.stats()).toMatchObject({ bytesDropped: bytesDropped + 4, submitted });
    expect(recorder.names(socket)).toEqual(["open", "close"]);
  });

  it("followed by close() ends in one close", async () => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await open(scope);
    socket.end("bye");
    await socket.close();
    await recorder.next("close");
    expect((await peer.readToEnd()).toString()).toBe("bye");
    expect(CompletionPort.default.stats().operations).toBe(0);
    expect(recorder.names(socket)).toEqual(["open", "close"]);
  });
});

describe("end() with much that waits", () => {
  it("brings all of it out, and then closes itself", async () => {
    await using scope = new Scope();
    const recorder = new Recorder({}, ["end"]);
    const { socket, client } = await pushPair(scope, recorder, narrow);
    socket.end(pattern(STALLING_SIZE));
    await client.shutdown();
    await turns(50);
    expect(recorder.count("close")).toBe(0);
    expect(difference(await receiveToEnd(client), pattern(STALLING_SIZE))).toBe("");
    await recorder.next("close");
    expect(recorder.count("error")).toBe(0);
  });
});

describe.each(pullSides)("end() in pull style, of $side", ({ open }) => {
  it("sends the data and a FIN; receiving goes on", async () => {
    await using scope = new Scope();
    const { socket, peer } = await open(scope);
    socket.write("a re");
    socket.end("quest");
    expect((await peer.readToEnd()).toString()).toBe("a request");
    dropped(socket);
    await peer.write("response");
    await peer.end();
    expect((await receiveToEnd(socket)).toString()).toBe("response");
    await socket.shutdown();
  });
});
