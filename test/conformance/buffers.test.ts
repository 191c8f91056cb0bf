import { CompletionPort, connect, type PortsideError, type TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { difference, pattern, receive, receiveToEnd } from "../support/bytes.js";
import { failure } from "../support/failure.js";
import { collectGarbage } from "../support/memory.js";
import { accepted, narrow, netServer, pair, STALLING_SIZE } from "../support/peers.js";
import { Scope } from "../support/scope.js";
import { deferred, turns } from "../support/wait.js";

// ES2024, which the library of TypeScript's ES2023 does not describe.
interface LaterArrayBuffer extends ArrayBuffer {
  resize(length: number): void;
  transfer(): ArrayBuffer;
}

describe("a buffer that nobody holds any more", () => {
  it("is still received into", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const pending = Array.from({ length: 50 }, () => socket.recvInto(new Uint8Array(20_000)));
    await turns(2);
    await collectGarbage();
    const sent = pattern(50 * 20_000);
    const writing = peer.write(sent).then(() => peer.end());
    const taken = (await Promise.all(pending)).reduce((sum, length) => sum + length, 0);
    expect(difference(await receiveToEnd(socket), sent.subarray(taken))).toBe("");
    await writing;
  });

  it("is still sent as it was", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    // What is stalled and what waits behind it, as bytes, as strings and as a list.
    const sends = [
      client.send(pattern(STALLING_SIZE, 1)),
      client.send(pattern(100_000, 2)),
      client.send("text ".repeat(10_000)),
      client.send([pattern(50_000, 3), "between", pattern(50_000, 4)]),
    ];
    client.write(pattern(70_000, 5));
    await turns(2);
    await collectGarbage();
    const ending = client.shutdown();
    const expected = [
      pattern(STALLING_SIZE, 1),
      pattern(100_000, 2),
      Buffer.from("text ".repeat(10_000)),
      pattern(50_000, 3),
      Buffer.from("between"),
      pattern(50_000, 4),
      pattern(70_000, 5),
    ];
    expect(difference(await receiveToEnd(server), Buffer.concat(expected))).toBe("");
    await Promise.all([...sends, ending]);
  });
});

describe("an object that nobody holds any more", () => {
  it("(a socket with a waiting receive) still receives", async () => {
    await using scope = new Scope();
    const server = await netServer(scope);
    const closing: Promise<void>[] = [];
    const pending = await receiveOnForgottenSocket(server.port, closing);
    const peer = await server.accept();
    await turns(2);
    await collectGarbage();
    await peer.write("remembered");
    expect(Buffer.from((await pending.promise)!).toString()).toBe("remembered");
    await Promise.all(closing);
  });

  it("(an operation that is pending) still completes", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const results: unknown[] = [];
    const finished = deferred();
    const count = (error: PortsideError | null, result: unknown) => {
      results.push(error ?? result);
      if (results.length === 110) finished.resolve();
    };
    for (let index = 0; index < 100; index++) CompletionPort.default.operation(count).timer(20 + index);
    for (let index = 0; index < 10; index++) {
      CompletionPort.default.operation(count).recv(socket, new Uint8Array(1));
    }
    await collectGarbage();
    await peer.write(pattern(10));
    await finished.promise;
    expect(results.filter((result) => result === 1)).toHaveLength(10);
    expect(results.filter((result) => result === undefined)).toHaveLength(100);
  });

  it("(a promise) changes nothing for the others", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope);
    for (let index = 0; index < 1000; index++) void client.send(pattern(100, index));
    await collectGarbage();
    const expected = Buffer.concat(Array.from({ length: 1000 }, (_, index) => pattern(100, index)));
    expect(difference(await receive(server, 100_000), expected)).toBe("");
  });

  it("(a port that was never closed) is no danger", async () => {
    for (let round = 0; round < 20; round++) new CompletionPort().operation(() => {});
    await collectGarbage();
    await turns();
  });
});

describe("after its completion the engine never touches a buffer again", () => {
  it("when it was filled", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const buffer = new Uint8Array(1000);
    await peer.write("x");
    expect(await socket.recvInto(buffer)).toBe(1);
    buffer.fill(0xaa);
    await peer.write(pattern(50_000));
    await receive(socket, 50_000);
    expect(buffer.every((byte) => byte === 0xaa)).toBe(true);
  });

  it("when its receive was canceled", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const controller = new AbortController();
    const buffer = new Uint8Array(1000);
    const canceled = failure(socket.recvInto(buffer, { signal: controller.signal }), "ECANCELED");
    await turns(2);
    controller.abort();
    await canceled;
    buffer.fill(0xaa);
    await peer.write(pattern(50_000));
    await receive(socket, 50_000);
    expect(buffer.every((byte) => byte === 0xaa)).toBe(true);
  });

  it.each(["close", "reset"] as const)("when its socket was ended by %s", async (ending) => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const buffer = new Uint8Array(1000);
    const canceled = failure(socket.recvInto(buffer), "ECANCELED");
    await turns(2);
    const closing = socket[ending]();
    await canceled;
    buffer.fill(0xaa);
    await Promise.allSettled([peer.write(pattern(5000)), closing]);
    await turns();
    expect(buffer.every((byte) => byte === 0xaa)).toBe(true);
  });

  it("when its send was canceled", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    const data = pattern(STALLING_SIZE);
    const controller = new AbortController();
    const canceled = failure(client.send(data, { signal: controller.signal }), "ECANCELED");
    await turns(5);
    controller.abort();
    const { bytesSent } = await canceled;
    data.fill(0);
    const ending = client.shutdown();
    expect(difference(await receiveToEnd(server), pattern(STALLING_SIZE).subarray(0, bytesSent))).toBe("");
    await ending;
  });
});

describe("one buffer in several operations", () => {
  it("may be sent many times at once", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    const data = pattern(300_000);
    const sends = Array.from({ length: 30 }, (_, index) => client.send(data.subarray(index)));
    const ending = client.shutdown();
    const expected = Buffer.concat(Array.from({ length: 30 }, (_, index) => data.subarray(index)));
    expect(difference(await receiveToEnd(server), expected)).toBe("");
    await Promise.all([...sends, ending]);
  });

  it("may be received into and sent from, which mixes its content but nothing else", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope);
    const buffer = new Uint8Array(10_000);
    const atServer = receiveToEnd(server);
    const sends = Array.from({ length: 50 }, (_, round) => server.send(pattern(15_000, round)));
    let received = 0;
    let sent = 0;
    for (let round = 0; round < 50; round++) {
      const receives = [client.recvInto(buffer), client.recvInto(buffer.subarray(5000))];
      sent += await client.send(buffer);
      for (const length of await Promise.all(receives)) received += length;
    }
    const [rest] = await Promise.all([receiveToEnd(client), server.shutdown(), client.shutdown(), ...sends]);
    expect(received + rest.length).toBe(50 * 15_000);
    expect(sent).toBe(50 * 10_000);
    expect((await atServer).length).toBe(sent);
  });
});

describe("memory that threads share", () => {
  it("is received into and sent from, or refused, but never harmful", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope);
    const shared = new Uint8Array(new SharedArrayBuffer(100));
    shared.set(pattern(100));
    const sent = await client.send(shared).catch((error: PortsideError) => error.code);
    if (sent === 100) expect(difference(await receive(server, 100), pattern(100))).toBe("");
    else expect(sent).toMatch(/^ERR_INVALID_ARG_(TYPE|VALUE)$/);
    shared.fill(0);
    const receiving = server.recvInto(shared).catch((error: PortsideError) => error.code);
    await client.send(pattern(50));
    const taken = await receiving;
    if (typeof taken === "number") expect(difference(shared.subarray(0, taken), pattern(taken))).toBe("");
    else expect(taken).toMatch(/^ERR_INVALID_ARG_(TYPE|VALUE)$/);
  });
});

describe("a borrowed chunk", () => {
  it("cannot be used to take the engine's memory away", async () => {
    await using scope = new Scope();
    const server = await netServer(scope);
    let length = 0;
    const copies: Uint8Array[] = [];
    const socket = await connect(
      { host: "127.0.0.1", port: server.port, borrow: true },
      {
        data(_, chunk) {
          copies.push(chunk.slice());
          length += chunk.length;
          for (const steal of [
            () => structuredClone(chunk, { transfer: [chunk.buffer as ArrayBuffer] }),
            () => (chunk.buffer as LaterArrayBuffer).transfer(),
            () => (chunk.buffer as LaterArrayBuffer).resize(0),
          ]) {
            try {
              steal();
            } catch {
              // What matters is that the engine goes on.
            }
          }
          // A stale view of memory that is used again.
          kept = chunk;
        },
      },
    );
    scope.use(socket);
    let kept: Uint8Array | undefined;
    const peer = await server.accept();
    const sent = pattern(2_000_000);
    await peer.write(sent);
    while (length < sent.length) await turns(1);
    expect(difference(Buffer.concat(copies), sent)).toBe("");
    expect(kept).toBeInstanceOf(Uint8Array);
    // Writing into it afterwards harms nobody's data either.
    kept?.fill(0);
    const { client, server: other } = await pair(scope);
    await client.send(pattern(10_000));
    expect(difference(await receive(other, 10_000), pattern(10_000))).toBe("");
  });
});

/** The socket is reachable through nothing but the engine once this has returned. */
async function receiveOnForgottenSocket(
  port: number,
  closing: Promise<void>[],
): Promise<{ promise: Promise<Uint8Array | null> }> {
  const socket: TcpSocket = await connect({ host: "127.0.0.1", port });
  const reference = new WeakRef(socket);
  const promise = socket.recv().then((chunk) => {
    const it = reference.deref();
    if (it) closing.push(it.close());
    return chunk;
  });
  // Wrapped, so that awaiting this function does not await the receive.
  return { promise };
}
