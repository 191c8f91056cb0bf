import { connect, listen, type TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { difference, pattern } from "../support/bytes.js";
import { netClient, netServer } from "../support/peers.js";
import { sides } from "../support/push.js";
import { type EventName, Recorder } from "../support/recorder.js";
import { Scope } from "../support/scope.js";
import { turns, until } from "../support/wait.js";

describe.each(sides)("the handlers of $side", ({ open }) => {
  it("begin with open, once, before anything else", async () => {
    await using scope = new Scope();
    const { peer, recorder } = await open(scope);
    await peer.write("hello");
    await recorder.received(5);
    expect(recorder.names()).toEqual(["open", "data"]);
  });

  it("get every byte, in order, in chunks of at least one", async () => {
    await using scope = new Scope();
    const { peer, recorder } = await open(scope);
    const sent = pattern(1_000_000);
    const writing = peer.write(sent);
    expect(difference(await recorder.received(sent.length), sent)).toBe("");
    await writing;
    for (const event of recorder.events) if (event.chunk) expect(event.chunk.length).toBeGreaterThan(0);
  });

  it("get chunks that are Uint8Arrays", async () => {
    await using scope = new Scope();
    const { peer, recorder } = await open(scope);
    await peer.write("x");
    expect((await recorder.next("data")).chunk).toBeInstanceOf(Uint8Array);
  });

  it("hear of the peer's FIN once, after all its data", async () => {
    await using scope = new Scope();
    const { peer, recorder, socket } = await open(scope);
    const sent = pattern(300_000);
    await peer.write(sent);
    await peer.end();
    await recorder.next("end");
    expect(difference(recorder.bytes(), sent)).toBe("");
    await turns();
    expect(recorder.names(socket)).toEqual(["open", "data", "end"]);
  });

  it("hear of a FIN without any data", async () => {
    await using scope = new Scope();
    const { peer, recorder, socket } = await open(scope);
    await peer.end();
    await recorder.next("end");
    await turns();
    expect(recorder.names(socket)).toEqual(["open", "end"]);
  });

  const endings: { ending: string; act: (side: Awaited<ReturnType<typeof open>>) => Promise<unknown> }[] = [
    { ending: "our close()", act: ({ socket }) => socket.close() },
    { ending: "our reset()", act: ({ socket }) => socket.reset() },
    {
      ending: "our close() called twice",
      act: ({ socket }) => Promise.all([socket.close(), socket.close()]),
    },
    {
      ending: "our close() and reset() at once",
      act: ({ socket }) => Promise.all([socket.close(), socket.reset()]),
    },
    {
      ending: "our reset() and close() at once",
      act: ({ socket }) => Promise.all([socket.reset(), socket.close()]),
    },
    { ending: "our Symbol.asyncDispose", act: ({ socket }) => socket[Symbol.asyncDispose]() },
    { ending: "the peer's reset", act: ({ peer }) => peer.reset() },
    {
      ending: "the peer's FIN and our close()",
      act: async ({ socket, peer, recorder }) => {
        await peer.end();
        await recorder.next("end");
        await socket.close();
      },
    },
    {
      ending: "a FIN from both sides and our close()",
      act: async ({ socket, peer, recorder }) => {
        await peer.end();
        await socket.shutdown();
        await recorder.next("end");
        await socket.close();
      },
    },
    {
      ending: "our close() and the peer's reset at once",
      act: ({ socket, peer }) => Promise.all([socket.close(), peer.reset()]),
    },
    {
      ending: "our close() with data and a FIN on their way",
      // The peer's write may fail: the close finds bytes that nobody reads, which resets the connection.
      act: ({ socket, peer }) =>
        Promise.allSettled([peer.write(pattern(50_000)), peer.end(), socket.close()]),
    },
  ];

  it.each(endings)("hear of close exactly once and last after $ending", async ({ act }) => {
    await using scope = new Scope();
    const side = await open(scope);
    await act(side);
    await side.recorder.next("close");
    await turns();
    expect(side.recorder.count("close")).toBe(1);
    expect(side.recorder.names(side.socket).at(-1)).toBe("close");
    expect(side.socket.closed).toBe(true);
  });

  it("hear of no end and no error when we close the socket ourselves", async () => {
    await using scope = new Scope();
    const { socket, recorder } = await open(scope);
    await socket.close();
    await recorder.next("close");
    await turns();
    expect(recorder.names(socket)).toEqual(["open", "close"]);
  });

  it("hear of the peer's reset as error, then close", async () => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await open(scope);
    await peer.reset();
    await recorder.next("close");
    expect(recorder.names(socket)).toEqual(["open", "error", "close"]);
    expect((await recorder.next("error")).error!.code).toBe("ECONNRESET");
  });

  it("are never called inside a call of the program", async () => {
    await using scope = new Scope();
    let inside = false;
    const wrong: string[] = [];
    const note = (name: string) => () => {
      if (inside) wrong.push(name);
    };
    const recorder = new Recorder({
      open: note("open"),
      data: note("data"),
      drain: note("drain"),
      end: note("end"),
      error: note("error"),
      close: note("close"),
    });
    const { socket, peer } = await open(scope, recorder, { highWaterMark: 1000 });
    const call = (action: () => unknown) => {
      inside = true;
      action();
      inside = false;
    };
    await peer.write("already here");
    call(() => socket.pause());
    call(() => socket.resume());
    call(() => socket.write(pattern(5000)));
    await recorder.received(12);
    await peer.write("and more");
    await peer.end();
    call(() => socket.pause());
    call(() => socket.resume());
    call(() => socket.write(pattern(5000)));
    await recorder.next("end");
    call(() => void socket.shutdown());
    call(() => void socket.close());
    call(() => void socket.reset());
    await recorder.next("close");
    expect(wrong).toEqual([]);
  });

  it("are never called inside each other", async () => {
    await using scope = new Scope();
    let depth = 0;
    let deepest = 0;
    const within = (action: (socket: TcpSocket) => unknown) => (socket: TcpSocket) => {
      depth++;
      deepest = Math.max(deepest, depth);
      action(socket);
      depth--;
    };
    const recorder = new Recorder({
      open: within((socket) => socket.write(pattern(100_000))),
      data: within((socket) => {
        socket.pause();
        socket.write(pattern(100_000));
        socket.resume();
      }),
      drain: within((socket) => socket.write("drained")),
      end: within((socket) => {
        socket.write(pattern(100_000));
        void socket.close();
      }),
      close: within((socket) => void socket.close()),
    });
    const { peer } = await open(scope, recorder, { highWaterMark: 1000 });
    peer.socket.resume();
    await peer.write("go");
    await recorder.next("data");
    await peer.end();
    await recorder.next("close");
    expect(deepest).toBe(1);
  });

  it("get the same socket object every time", async () => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await open(scope);
    await peer.write("x");
    await recorder.next("data");
    await peer.end();
    await recorder.next("end");
    await socket.close();
    await recorder.next("close");
    for (const event of recorder.events) expect(event.source).toBe(socket);
  });

  const optional: EventName[] = ["end", "error", "close", "drain"];
  it.each(optional)("may leave out %s", async (name) => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await open(scope, new Recorder({}, [name]), { highWaterMark: 1 });
    socket.write(pattern(100_000));
    await peer.read(100_000);
    await peer.write("x");
    await recorder.received(1);
    await peer.reset();
    await until(() => socket.closed);
    await turns();
    const expected: EventName[] = ["open", "drain", "data", "error", "close"];
    const seen = recorder.names(socket);
    expect(seen.filter((event) => event !== "drain")).toEqual(
      expected.filter((event) => event !== name && event !== "drain"),
    );
    expect(seen).not.toContain(name);
  });
});

describe("handlers of which there are none", () => {
  it("make an accepted socket that goes with its peer", async () => {
    await using scope = new Scope();
    const listener = scope.use(await listen({ host: "127.0.0.1" }, {}));
    const peer = await netClient(scope, listener.address.port);
    await peer.write("nobody listens");
    await peer.end();
    expect(await peer.readToEnd()).toHaveLength(0);
  });

  it("make a connected socket that goes with its peer", async () => {
    await using scope = new Scope();
    const server = await netServer(scope);
    const [peer, socket] = await Promise.all([
      server.accept(),
      connect({ host: "127.0.0.1", port: server.port }, {}),
    ]);
    scope.use(socket);
    await peer.write("nobody listens");
    await peer.end();
    expect(await peer.readToEnd()).toHaveLength(0);
    await until(() => socket.closed);
  });
});
