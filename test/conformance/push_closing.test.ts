import { connect, listen, type PortsideError, type SocketHandlers, type TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { difference, pattern, receive, receiveToEnd } from "../support/bytes.js";
import { dropped } from "../support/dropped.js";
import { failure } from "../support/failure.js";
import { narrow, netClient, netServer, STALLING_SIZE } from "../support/peers.js";
import { Bystander, echoListener, howItEnds, pushAccepted, pushPair, sides } from "../support/push.js";
import { Recorder } from "../support/recorder.js";
import { Scope } from "../support/scope.js";
import { turns, until } from "../support/wait.js";

type Kind = Exclude<keyof SocketHandlers, "open">;

const kinds: Kind[] = ["data", "drain", "end", "error", "close"];
const ways = kinds.flatMap((kind) => [
  { way: "close" as const, kind },
  { way: "reset" as const, kind },
]);

describe.each(sides)("inside the handlers of $side", ({ open }) => {
  it.each(ways)("$way() in $kind is followed by close alone, once", async ({ way, kind }) => {
    await using scope = new Scope();
    const bystander = await Bystander.start(scope);
    const ended: Promise<void>[] = [];
    const recorder = new Recorder({ [kind]: (socket: TcpSocket) => void ended.push(socket[way]()) });
    const { socket, peer } = await open(scope, recorder, { ...narrow, highWaterMark: 1 });
    if (kind === "data") await peer.write("x");
    if (kind === "drain") {
      socket.write(pattern(STALLING_SIZE));
      peer.socket.resume();
    }
    if (kind === "end") await peer.end();
    if (kind === "error") await peer.reset();
    if (kind === "close") await socket.close();
    await recorder.next("close");
    await Promise.all(ended);
    await bystander.check();
    await turns();
    expect(ended).toHaveLength(1);
    expect(recorder.names(socket)).toEqual(kind === "close" ? ["open", kind] : ["open", kind, "close"]);
    expect(socket.closed).toBe(true);
  });

  it.each(["data", "end"] as const)("reset() in %s is a reset for the peer", async (kind) => {
    await using scope = new Scope();
    const recorder = new Recorder({ [kind]: (socket: TcpSocket) => void socket.reset() });
    const { peer } = await open(scope, recorder);
    if (kind === "data") await peer.write("x");
    if (kind === "end") await peer.end();
    expect(await howItEnds(peer)).toBe("reset");
    await recorder.next("close");
  });

  it.each(["data", "end"] as const)("close() in %s is a FIN for the peer", async (kind) => {
    await using scope = new Scope();
    const recorder = new Recorder({ [kind]: (socket: TcpSocket) => void socket.close() });
    const { peer } = await open(scope, recorder);
    if (kind === "data") await peer.write("x");
    if (kind === "end") await peer.end();
    expect(await howItEnds(peer)).toBe("end");
    await recorder.next("close");
  });

  it("no data comes after close() was called, although more has arrived", async () => {
    await using scope = new Scope();
    const recorder = new Recorder({ data: (socket) => void socket.close() });
    const { socket, peer } = await open(scope, recorder);
    peer.socket.on("error", () => {});
    peer.socket.write(pattern(1_000_000));
    await recorder.next("close");
    await turns();
    expect(recorder.count("data")).toBe(1);
    expect(recorder.names(socket)).toEqual(["open", "data", "close"]);
  });

  it("what was written before close() in the same handler arrives", async () => {
    await using scope = new Scope();
    const recorder = new Recorder({
      data(socket) {
        socket.write("answer, ");
        socket.write("and goodbye");
        void socket.close();
      },
    });
    const { peer } = await open(scope, recorder);
    await peer.write("question");
    expect((await peer.readToEnd()).toString()).toBe("answer, and goodbye");
  });

  it("a new connection can be opened in close", async () => {
    await using scope = new Scope();
    const echo = await echoListener(scope);
    let again: Promise<TcpSocket> | undefined;
    const second = new Recorder();
    const recorder = new Recorder({
      close() {
        again = connect({ host: "127.0.0.1", port: echo.address.port }, second.handlers);
      },
    });
    const { socket } = await open(scope, recorder);
    await socket.close();
    await recorder.next("close");
    const fresh = scope.use(await again!);
    expect(fresh).not.toBe(socket);
    fresh.write("hello again");
    expect((await second.received(11)).toString()).toBe("hello again");
    expect(recorder.names()).toEqual(["open", "close"]);
  });

  it("a closed socket refuses everything in close, and drops what is written", async () => {
    await using scope = new Scope();
    const codes: string[] = [];
    const recorder = new Recorder({
      close(socket) {
        dropped(socket);
        codes.push("dropped");
        for (const refused of [socket.send("x"), socket.shutdown()]) {
          refused.catch((error) => codes.push(error.code));
        }
      },
    });
    const { socket } = await open(scope, recorder);
    await socket.close();
    await until(() => codes.length === 3);
    expect(codes).toEqual(["dropped", "EBADF", "EBADF"]);
  });
});

describe("closing in push style", () => {
  it("with reset() in drain is a reset for the peer, behind whatever it still had", async () => {
    await using scope = new Scope();
    const recorder = new Recorder({ drain: (socket) => void socket.reset() });
    const { socket, client } = await pushPair(scope, recorder, narrow);
    socket.write(pattern(STALLING_SIZE));
    expect((await failure(receiveToEnd(client), "ECONNRESET")).syscall).toEqual(expect.any(String));
    await recorder.next("close");
  });

  it("ends pending send()s and shutdown() with ECANCELED before the close is done", async () => {
    await using scope = new Scope();
    const { socket } = await pushPair(scope, new Recorder(), narrow);
    const order: string[] = [];
    const note = (name: string) => (error: PortsideError) => void order.push(`${name} ${error.code}`);
    for (let index = 0; index < 5; index++) socket.send(pattern(STALLING_SIZE)).catch(note(`send ${index}`));
    socket.shutdown().catch(note("shutdown"));
    await turns();
    await socket.close().then(() => order.push("close"));
    expect(order).toEqual([
      ...Array.from({ length: 5 }, (_, index) => `send ${index} ECANCELED`),
      "shutdown ECANCELED",
      "close",
    ]);
  });

  it("twice resolves both times, at the same moment and afterwards", async () => {
    await using scope = new Scope();
    const { socket, recorder } = await pushAccepted(scope);
    await Promise.all([socket.close(), socket.close(), socket.reset()]);
    await socket.close();
    await socket.reset();
    await turns();
    expect(recorder.count("close")).toBe(1);
  });

  it("has called the close handler by the time its promise resolves", async () => {
    await using scope = new Scope();
    const { socket, recorder } = await pushAccepted(scope);
    await socket.close();
    expect(recorder.count("close")).toBe(1);
  });

  it("a paused socket that has data waiting works", async () => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await pushAccepted(scope);
    socket.pause();
    await peer.write("waiting");
    await turns();
    await socket.reset();
    expect(await howItEnds(peer)).toBe("reset");
    expect(recorder.names(socket)).toEqual(["open", "close"]);
  });
});

describe.each(["close", "reset"] as const)("%s() in the open handler", (way) => {
  it("of an accepted socket is followed by close alone", async () => {
    await using scope = new Scope();
    const recorder = new Recorder({ open: (socket) => void socket[way]() });
    const listener = scope.use(await listen({ host: "127.0.0.1" }, recorder.handlers));
    // A reset that is quick enough makes the client's connect itself fail.
    await netClient(scope, listener.address.port).then(howItEnds, () => {});
    await recorder.next("close");
    await turns();
    expect(recorder.names()).toEqual(["open", "close"]);
  });

  it("of a connected socket is followed by close alone, and the promise resolves", async () => {
    await using scope = new Scope();
    const bystander = await Bystander.start(scope);
    const server = await netServer(scope);
    const recorder = new Recorder({ open: (socket) => void socket[way]() });
    const socket = await connect({ host: "127.0.0.1", port: server.port }, recorder.handlers);
    await recorder.next("close");
    await bystander.check();
    await turns();
    expect(socket.closed).toBe(true);
    expect(recorder.names()).toEqual(["open", "close"]);
  });
});

describe("what was written before a close", () => {
  it("arrives as far as the operating system took it, in order and followed by FIN", async () => {
    await using scope = new Scope();
    const { socket, client } = await pushPair(scope, new Recorder(), narrow);
    const data = pattern(STALLING_SIZE);
    socket.write(data);
    await turns();
    const taken = STALLING_SIZE - socket.writableLength;
    await socket.close();
    const received = await receiveToEnd(client);
    expect(received.length).toBeGreaterThanOrEqual(taken);
    expect(received.length).toBeLessThan(STALLING_SIZE);
    expect(difference(received, data.subarray(0, received.length))).toBe("");
  });

  it("arrives whole when shutdown() has completed before", async () => {
    await using scope = new Scope();
    const { socket, client } = await pushPair(scope, new Recorder(), narrow);
    socket.write(pattern(STALLING_SIZE));
    const reading = receive(client, STALLING_SIZE);
    await socket.shutdown();
    await socket.close();
    await reading;
    expect(await client.recv()).toBeNull();
  });
});
