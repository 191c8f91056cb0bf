import { listen } from "portside";
import { describe, expect, it } from "vitest";
import { difference, pattern, receive, receiveToEnd } from "../support/bytes.js";
import { dropped } from "../support/dropped.js";
import { failure } from "../support/failure.js";
import { accepted, connected, narrow, netClient, pair, STALLING_SIZE } from "../support/peers.js";
import { Recorder } from "../support/recorder.js";
import { Scope } from "../support/scope.js";
import { turns, watch } from "../support/wait.js";

describe("after the peer's FIN", () => {
  it("we can still send", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    await peer.end();
    expect(await socket.recv()).toBeNull();
    const data = pattern(500_000);
    const reading = peer.readToEnd();
    expect(await socket.send(data)).toBe(data.length);
    await socket.shutdown();
    expect(difference(await reading, data)).toBe("");
  });

  it("a send that was under way goes on", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    const data = pattern(STALLING_SIZE);
    const sending = client.send(data);
    await server.shutdown();
    expect(await client.recv()).toBeNull();
    expect(difference(await receive(server, data.length), data)).toBe("");
    expect(await sending).toBe(data.length);
  });

  it("the socket stays open until it is closed", async () => {
    await using scope = new Scope();
    const { socket, peer } = await connected(scope);
    await peer.end();
    expect(await socket.recv()).toBeNull();
    await turns();
    expect(socket.closed).toBe(false);
    const reading = watch(peer.readToEnd());
    await turns();
    expect(reading.settled).toBe(false);
  });
});

describe("a shutdown", () => {
  it("lets us still receive", async () => {
    await using scope = new Scope();
    const { socket, peer } = await connected(scope);
    await socket.shutdown();
    expect(await peer.next()).toBeNull();
    const data = pattern(500_000);
    peer.socket.end(data);
    expect(difference(await receiveToEnd(socket), data)).toBe("");
  });

  it("does not make a reset behind received bytes look like the end", async () => {
    await using scope = new Scope();
    const { socket, peer } = await connected(scope);
    await socket.shutdown();
    expect(await peer.next()).toBeNull();
    const sent = pattern(1000);
    await peer.write(sent);
    await peer.reset();
    const chunks: Uint8Array[] = [];
    const error = await failure(
      (async () => {
        for (let chunk = await socket.recv({ size: 7 }); chunk; chunk = await socket.recv({ size: 7 }))
          chunks.push(chunk);
      })(),
      "ECONNRESET",
    );
    expect(error.syscall).toBe("recv");
    // Some kernels throw the unread bytes away.
    const got = Buffer.concat(chunks);
    expect(difference(got, sent.subarray(0, got.length))).toBe("");
  });

  it("leaves a waiting receive waiting", async () => {
    await using scope = new Scope();
    const { socket, peer } = await connected(scope);
    const receiving = socket.recv();
    const state = watch(receiving);
    await socket.shutdown();
    expect(await peer.next()).toBeNull();
    await turns();
    expect(state.settled).toBe(false);
    await peer.write("answer");
    expect(Buffer.from((await receiving)!).toString()).toBe("answer");
  });

  it("sends FIN after everything sent so far, and completes after it", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    const order: string[] = [];
    const data = pattern(STALLING_SIZE);
    const steps = [
      client.send(data).then(() => order.push("first send")),
      client.send("the end").then(() => order.push("second send")),
      client.shutdown().then(() => order.push("shutdown")),
    ];
    await turns();
    expect(order).toEqual([]);
    const got = await receiveToEnd(server);
    await Promise.all(steps);
    expect(difference(got, Buffer.concat([data, Buffer.from("the end")]))).toBe("");
    expect(order).toEqual(["first send", "second send", "shutdown"]);
  });

  it("sends FIN after every write that is still queued", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    const pieces = Array.from({ length: 50 }, (_, index) => pattern(100_000, index));
    for (const piece of pieces) client.write(piece);
    const ending = client.shutdown();
    expect(difference(await receiveToEnd(server), Buffer.concat(pieces))).toBe("");
    await ending;
    expect(client.writableLength).toBe(0);
  });

  it("of both sides ends both streams and leaves both sockets to be closed", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope);
    await Promise.all([client.shutdown(), server.shutdown()]);
    expect(await client.recv()).toBeNull();
    expect(await server.recv()).toBeNull();
    expect([client.closed, server.closed]).toEqual([false, false]);
    await Promise.all([client.close(), server.close()]);
    expect([client.closed, server.closed]).toEqual([true, true]);
  });

  it("a second time completes as well, and the first one's bytes stay intact", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope);
    const steps = Promise.allSettled([client.send("once"), client.shutdown(), client.shutdown()]);
    expect((await receiveToEnd(server)).toString()).toBe("once");
    const [sent, first, second] = await steps;
    expect(sent).toEqual({ status: "fulfilled", value: 4 });
    expect(first!.status).toBe("fulfilled");
    if (second!.status === "rejected") expect(second!.reason.code).toMatch(/^(EPIPE|ENOTCONN)$/);
  });

  it("makes later sends fail with EPIPE, drops later writes, and none of their bytes arrive", async () => {
    await using scope = new Scope();
    const { socket, peer } = await connected(scope);
    await socket.send("before");
    const ending = socket.shutdown();
    const refused = failure(socket.send("after"), "EPIPE");
    dropped(socket);
    await ending;
    await refused;
    dropped(socket);
    expect((await failure(socket.send("much later"), "EPIPE")).bytesSent ?? 0).toBe(0);
    expect((await peer.readToEnd()).toString()).toBe("before");
  });

  it("of a socket that is closed says EBADF", async () => {
    await using scope = new Scope();
    const { socket } = await connected(scope);
    await socket.close();
    await failure(socket.shutdown(), "EBADF");
  });

  it("with a peer that is gone completes", async () => {
    await using scope = new Scope();
    const { socket, peer } = await connected(scope);
    await peer.reset();
    const code = await socket.shutdown().then(
      () => "done",
      (error) => error.code as string,
    );
    expect(code).toMatch(/^(done|ENOTCONN|ECONNRESET|EPIPE)$/);
  });

  it.each<[string, unknown, string]>([
    ["a signal that is none", { signal: null }, "ERR_INVALID_ARG_TYPE"],
    ["an unknown option", { how: 1 }, "ERR_INVALID_ARG_VALUE"],
  ])("with %s is refused and sends no FIN", async (_, options, code) => {
    await using scope = new Scope();
    const { socket, peer } = await connected(scope);
    await failure(socket.shutdown(options as never), code);
    await socket.send("open");
    expect((await peer.read(4)).toString()).toBe("open");
  });
});

describe("a half-closed connection in push style", () => {
  it("stays open for sending when there is an end handler", async () => {
    await using scope = new Scope();
    const recorder = new Recorder();
    const listener = scope.use(await listen({ host: "127.0.0.1" }, recorder.handlers));
    const peer = await netClient(scope, listener.address.port);
    await peer.end();
    const { source } = await recorder.next("end");
    const socket = source as Awaited<ReturnType<typeof listener.accept>>;
    await turns();
    expect(recorder.names()).toEqual(["open", "end"]);
    await socket.send("still here");
    await socket.shutdown();
    expect((await peer.readToEnd()).toString()).toBe("still here");
    await socket.close();
    expect(recorder.names()).toEqual(["open", "end", "close"]);
  });

  it("closes by itself without an end handler, once its pending writes are out", async () => {
    await using scope = new Scope();
    const data = pattern(STALLING_SIZE);
    const recorder = new Recorder({ open: (socket) => void socket.write(data) }, ["end"]);
    const listener = scope.use(await listen({ host: "127.0.0.1", ...narrow }, recorder.handlers));
    const peer = await netClient(scope, listener.address.port);
    await peer.end();
    await recorder.next("open");
    await turns();
    expect(recorder.count("close")).toBe(0);
    expect(difference(await peer.readToEnd(), data)).toBe("");
    await recorder.next("close");
    expect(recorder.count("error")).toBe(0);
    expect(recorder.names().at(-1)).toBe("close");
  });
});
