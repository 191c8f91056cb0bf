import { connect, listen, PortsideError, type TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { pattern, receive, receiveToEnd } from "../support/bytes.js";
import { dropped } from "../support/dropped.js";
import { failure, PEER_GONE } from "../support/failure.js";
import { resolveNames } from "../support/names.js";
import { accepted, hasIpv6, narrow, netServer, refusingPort, STALLING_SIZE } from "../support/peers.js";
import { pushPair, sides } from "../support/push.js";
import { Recorder } from "../support/recorder.js";
import { Scope } from "../support/scope.js";
import { turns } from "../support/wait.js";

/** An address that belongs to no machine (RFC 5737), and to which no packet is sent by binding to it. */
const FOREIGN = "203.0.113.77";

/** What every error tells: an Error with a code, and a sentence that names it. */
function checkShape(error: PortsideError): void {
  expect(error).toBeInstanceOf(Error);
  expect(error).toBeInstanceOf(PortsideError);
  expect(error.message).toContain(error.code);
  expect(error.message.split(" ").length).toBeGreaterThan(4);
  expect(error.stack).toContain(error.message);
}

/** What an error of the operating system tells in addition: its own number, and Node's. */
function checkSystem(error: PortsideError, syscall: RegExp): void {
  checkShape(error);
  expect(error.syscall).toMatch(syscall);
  expect(error.native).toEqual(expect.any(Number));
  expect(error.native).not.toBe(0);
  expect(error.errno).toBeLessThan(0); // as in Node's own errors
}

describe("the error of a connect", () => {
  it("that is refused has code, syscall, address, port, errno and native", async () => {
    await using scope = new Scope();
    const port = await refusingPort(scope);
    const error = await failure(connect({ host: "127.0.0.1", port }), "ECONNREFUSED");
    checkSystem(error, /^connect$/);
    expect(error).toMatchObject({ address: "127.0.0.1", port });
    expect(error.bytesSent).toBeUndefined();
  });

  it.skipIf(!hasIpv6)("that is refused on IPv6 names that address (this needs ::1)", async () => {
    await using scope = new Scope();
    const port = await refusingPort(scope, "::1");
    const error = await failure(connect({ host: "::1", port }), "ECONNREFUSED");
    checkSystem(error, /^connect$/);
    expect(error).toMatchObject({ address: "::1", port });
  });

  it("in push style is the same", async () => {
    await using scope = new Scope();
    const port = await refusingPort(scope);
    const pull = await failure(connect({ host: "127.0.0.1", port }));
    const push = await failure(connect({ host: "127.0.0.1", port }, { data() {} }));
    const { code, syscall, address, errno, native } = pull;
    expect(push).toMatchObject({ code, syscall, address, port, errno, native });
  });

  it.each(["224.0.0.1", "255.255.255.255"])("to %s, which TCP cannot reach, says so", async (host) => {
    // Kernels differ in what is wrong with it; none sends a packet.
    const error = await failure(
      connect({ host, port: 9 }),
      /^(ENETUNREACH|EHOSTUNREACH|EADDRNOTAVAIL|EACCES|EAFNOSUPPORT|EINVAL)$/,
    );
    checkSystem(error, /^connect$/);
    expect(error).toMatchObject({ address: host, port: 9 });
  });

  it("from an address that is not this machine's names that address", async () => {
    await using scope = new Scope();
    const server = await netServer(scope);
    const error = await failure(
      connect({ host: "127.0.0.1", port: server.port, localAddress: FOREIGN }),
      "EADDRNOTAVAIL",
    );
    checkSystem(error, /^(bind|connect)$/);
    expect(error.address).toBe(FOREIGN);
  });

  it("to a name that does not exist has the resolver's code and the name", async () => {
    await using scope = new Scope();
    resolveNames(scope, {});
    const error = await failure(connect({ host: "no-such-host.test", port: 80 }), "ENOTFOUND");
    checkShape(error);
    expect(error.message).toContain("no-such-host.test");
    expect(error.syscall).toEqual(expect.any(String));
    expect(error.native).toBeUndefined();
  });

  it("that is aborted is an AbortError with ECANCELED and the reason as its cause", async () => {
    const reason = new Error("changed my mind");
    const controller = new AbortController();
    const connecting = failure(
      connect({ host: "127.0.0.1", port: 9, signal: AbortSignal.abort(reason) }),
      "ECANCELED",
    );
    controller.abort(reason);
    const error = await connecting;
    checkShape(error);
    expect(error.name).toBe("AbortError");
    expect(error.cause).toBe(reason);
    expect(error.native).toBeUndefined();
  });

  it("does not change when the same thing fails again", async () => {
    await using scope = new Scope();
    const port = await refusingPort(scope);
    const seen: unknown[] = [];
    for (let round = 0; round < 3; round++) {
      const { code, errno, syscall, native, message } = await failure(connect({ host: "127.0.0.1", port }));
      seen.push({ code, errno, syscall, native, message });
    }
    expect(seen[1]).toEqual(seen[0]);
    expect(seen[2]).toEqual(seen[0]);
  });
});

describe("the error of a listen", () => {
  it("on a port that is in use has code, syscall, address, port, errno and native", async () => {
    await using scope = new Scope();
    const listener = scope.use(await listen({ host: "127.0.0.1" }));
    const { port } = listener.address;
    const error = await failure(listen({ host: "127.0.0.1", port }), "EADDRINUSE");
    checkSystem(error, /^(bind|listen)$/);
    expect(error).toMatchObject({ address: "127.0.0.1", port });
  });

  it("on a port that node:net uses is the same", async () => {
    await using scope = new Scope();
    const server = await netServer(scope);
    const error = await failure(listen({ host: "127.0.0.1", port: server.port }), "EADDRINUSE");
    expect(error).toMatchObject({ address: "127.0.0.1", port: server.port });
  });

  it("on an address that is not this machine's names it", async () => {
    const error = await failure(listen({ host: FOREIGN }), "EADDRNOTAVAIL");
    checkSystem(error, /^(bind|listen)$/);
    expect(error).toMatchObject({ address: FOREIGN, port: 0 });
  });

  it("on a name that does not exist has the resolver's code and the name", async () => {
    await using scope = new Scope();
    resolveNames(scope, {});
    const error = await failure(listen({ host: "no-such-host.test" }), "ENOTFOUND");
    expect(error.message).toContain("no-such-host.test");
  });
});

describe.each(sides)("on $side in push style, a peer's reset", ({ open }) => {
  it("while nothing happens is ECONNRESET with syscall, errno and native, then close", async () => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await open(scope);
    await peer.reset();
    const { error } = await recorder.next("error");
    checkSystem(error!, /./);
    expect(error!.code).toBe("ECONNRESET");
    await recorder.next("close");
    expect(recorder.names(socket)).toEqual(["open", "error", "close"]);
    expect(socket.closed).toBe(true);
  });

  it("while data comes is ECONNRESET after a whole part of the data", async () => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await open(scope);
    const sent = pattern(400_000);
    peer.socket.write(sent);
    await recorder.next("data");
    await peer.reset();
    await recorder.next("close");
    expect(recorder.names(socket)).toEqual(["open", "data", "error", "close"]);
    expect((await recorder.next("error")).error!.code).toBe("ECONNRESET");
    const bytes = recorder.bytes();
    expect(Buffer.compare(bytes, sent.subarray(0, bytes.length))).toBe(0);
  });

  it("while we send is an error, then close, and never a drain", async () => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await open(scope, new Recorder(), narrow);
    // The peer reads nothing beyond its first buffers.
    const writing = () => {
      for (let round = 0; round < 4; round++) socket.write(pattern(STALLING_SIZE, round));
    };
    writing();
    await turns();
    await peer.reset();
    await recorder.next("close");
    expect(recorder.names(socket)).toEqual(["open", "error", "close"]);
    expect((await recorder.next("error")).error!.code).toMatch(PEER_GONE);
    expect(socket.writableLength).toBe(0);
  });

  it("ends a pending send() with the bytes that were taken", async () => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await open(scope, new Recorder(), narrow);
    const size = 4 * STALLING_SIZE;
    const sending = failure(socket.send(pattern(size)), PEER_GONE);
    await peer.read(100_000);
    await peer.reset();
    const error = await sending;
    checkSystem(error, /./);
    expect(error.bytesSent).toBeGreaterThanOrEqual(100_000);
    expect(error.bytesSent).toBeLessThan(size);
    await recorder.next("close");
    expect(recorder.count("error")).toBe(1);
  });

  it("behind its FIN is heard of, at the latest, by the next sends", async () => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await open(scope);
    await peer.write("last words");
    await peer.end();
    await recorder.next("end");
    await peer.reset();
    while (!socket.closed) {
      socket.write("anybody there?");
      await turns(1);
    }
    await recorder.next("close");
    expect(recorder.names(socket).filter((name) => name !== "drain")).toEqual([
      "open",
      "data",
      "end",
      "error",
      "close",
    ]);
    expect((await recorder.next("error")).error!.code).toMatch(PEER_GONE);
    expect(recorder.bytes().toString()).toBe("last words");
  });

  it("right behind its data and FIN loses no byte order and ends in one close", async () => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await open(scope, new Recorder({ end: (its) => void its.close() }));
    socket.pause();
    await peer.write(pattern(10_000));
    await peer.end();
    await peer.reset();
    if (!socket.closed) socket.resume();
    await recorder.next("close");
    await turns();
    // A reset may overtake what the kernel still holds: then the error comes at once.
    const bytes = recorder.bytes();
    expect(Buffer.compare(bytes, pattern(10_000).subarray(0, bytes.length))).toBe(0);
    expect(recorder.count("close")).toBe(1);
    expect(recorder.names(socket).at(-1)).toBe("close");
    expect(recorder.count("end") + recorder.count("error")).toBeGreaterThanOrEqual(1);
  });

  it("drops what is written later, and sends fail with EBADF, as the socket is closed", async () => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await open(scope);
    await peer.reset();
    await recorder.next("close");
    dropped(socket);
    await failure(socket.send("x"), "EBADF");
    await failure(socket.shutdown(), "EBADF");
  });
});

describe("in pull style, a peer's reset", () => {
  it("ends a pending receive with ECONNRESET, its syscall, errno and native", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const receiving = failure(socket.recv(), "ECONNRESET");
    await peer.reset();
    checkSystem(await receiving, /./);
  });

  it("behind its FIN lets the end of the stream be seen, and fails sends", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    await peer.write("bye");
    await peer.end();
    expect((await receive(socket, 3)).toString()).toBe("bye");
    expect(await socket.recv()).toBeNull();
    await peer.reset();
    let error: PortsideError | undefined;
    while (!error) {
      await turns(1);
      await socket.send("hello?").catch((reason: PortsideError) => {
        error = reason;
      });
    }
    checkSystem(error, /./);
    expect(error.code).toMatch(PEER_GONE);
    expect(error.bytesSent).toBe(0);
  });
});

describe("the error of an operation on", () => {
  const calls: [string, (socket: TcpSocket) => Promise<unknown>][] = [
    ["recv()", (socket) => socket.recv()],
    ["recvInto()", (socket) => socket.recvInto(new Uint8Array(4))],
    ["send()", (socket) => socket.send("x")],
    ["shutdown()", (socket) => socket.shutdown()],
    ["Symbol.asyncIterator", (socket) => socket[Symbol.asyncIterator]().next()],
    ["setNoDelay()", async (socket) => socket.setNoDelay()],
    ["setKeepAlive()", async (socket) => socket.setKeepAlive()],
  ];
  it.each(calls)("a closed socket, %s, is EBADF and says what to do", async (_, call) => {
    await using scope = new Scope();
    const { socket } = await accepted(scope);
    await socket.close();
    checkShape(await failure(call(socket), "EBADF"));
  });

  it("a closed listener, accept(), is EBADF and says what to do", async () => {
    const listener = await listen({ host: "127.0.0.1" });
    await listener.close();
    checkShape(await failure(listener.accept(), "EBADF"));
  });

  it("a socket that was shut down, send(), is EPIPE with no bytes sent; what is written is dropped", async () => {
    await using scope = new Scope();
    const { socket } = await accepted(scope);
    await socket.shutdown();
    const error = await failure(socket.send("x"), "EPIPE");
    checkShape(error);
    expect(error.bytesSent).toBe(0);
    dropped(socket);
  });

  it("a handle that is closed meanwhile is ECANCELED, and no AbortError", async () => {
    await using scope = new Scope();
    const { socket } = await accepted(scope);
    const error = failure(socket.recv(), "ECANCELED");
    await socket.close();
    checkShape(await error);
    expect((await error).name).not.toBe("AbortError");
    expect((await error).native).toBeUndefined();
  });
});

describe("a connection whose peer is gone", () => {
  it("in the middle of a large write() in push style fails once, with all its sends", async () => {
    await using scope = new Scope();
    const recorder = new Recorder();
    const { socket, client } = await pushPair(scope, recorder, narrow);
    socket.write(pattern(STALLING_SIZE));
    const sends = Array.from({ length: 10 }, (_, index) => failure(socket.send(pattern(50_000, index))));
    await turns();
    await client.reset();
    for (const error of await Promise.all(sends)) {
      // The failure closes the socket: what had not been reported as lost by then was cancelled.
      expect(error.code).toMatch(/^(ECONNRESET|EPIPE|ECANCELED)$/);
      expect(error.bytesSent).toBe(0);
    }
    await recorder.next("close");
    await turns();
    expect(recorder.names(socket)).toEqual(["open", "error", "close"]);
  });

  it("leaves the other connections of the listener alone", async () => {
    await using scope = new Scope();
    const first = await pushPair(scope, new Recorder());
    const second = await pushPair(scope, new Recorder());
    await first.client.reset();
    await second.client.send("still");
    second.socket.write("here");
    await second.socket.shutdown();
    expect((await receiveToEnd(second.client)).toString()).toBe("here");
  });
});
