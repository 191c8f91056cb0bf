import type { TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { difference, pattern, receive, receiveToEnd } from "../support/bytes.js";
import { failure, PEER_GONE } from "../support/failure.js";
import { accepted, connected, narrow, pair, STALLING_SIZE } from "../support/peers.js";
import { Scope } from "../support/scope.js";
import { deferred, turns } from "../support/wait.js";

const text = (bytes: Uint8Array | null): string | null => bytes && Buffer.from(bytes).toString();

describe("a reset by the peer", () => {
  it("ends a waiting receive with ECONNRESET", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const pending = failure(socket.recv(), "ECONNRESET");
    await turns(3);
    await peer.reset();
    const error = await pending;
    expect(error.syscall).toEqual(expect.any(String));
    expect(error.errno).toEqual(expect.any(Number));
    expect(error.message).toContain("ECONNRESET");
  });

  it("ends every outstanding receive, each exactly once", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const outcomes = Array.from({ length: 20 }, () =>
      socket.recv().then(
        (chunk) => (chunk === null ? "end" : "bytes"),
        (error) => error.code as string,
      ),
    );
    await turns(3);
    await peer.reset();
    const codes = await Promise.all(outcomes);
    expect(codes[0]).toBe("ECONNRESET");
    // Kernels report a reset once and the end of the stream afterwards; both are an end.
    for (const code of codes) expect(code).toMatch(/^(ECONNRESET|end)$/);
  });

  it("gives no byte that was not sent, when it arrives behind unread bytes", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const sent = pattern(10_000);
    await peer.write(sent);
    await peer.reset();
    const chunks: Uint8Array[] = [];
    let ended = "";
    while (ended === "") {
      try {
        const chunk = await socket.recv();
        if (chunk === null) ended = "end";
        else chunks.push(chunk);
      } catch (error) {
        ended = (error as { code: string }).code;
      }
    }
    // Some kernels throw the unread bytes away.
    expect(ended).toBe("ECONNRESET");
    const got = Buffer.concat(chunks);
    expect(difference(got, sent.subarray(0, got.length))).toBe("");
  });

  it("after a FIN that was received leaves the stream at its end", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    await peer.write("last words");
    await peer.end();
    expect((await receiveToEnd(socket)).toString()).toBe("last words");
    await peer.reset();
    await failureOrBytes(socket);
    expect(await socket.recv()).toBeNull();
  });

  it("right behind a FIN is the end of the stream or ECONNRESET, never anything else", async () => {
    for (let round = 0; round < 10; round++) {
      await using scope = new Scope();
      const { client, server } = await pair(scope);
      await client.send("bytes");
      await client.shutdown();
      await client.reset();
      const outcome = await receiveToEnd(server).then(
        (bytes) => bytes.toString(),
        (error) => error.code as string,
      );
      expect(outcome).toMatch(/^(bytes|ECONNRESET)$/);
    }
  });

  it("rejects the iteration over the socket", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const begun = deferred();
    const iterating = async () => {
      for await (const chunk of socket) {
        expect(text(chunk)).toBe("first");
        begun.resolve();
      }
    };
    const failing = failure(iterating(), "ECONNRESET");
    await peer.write("first");
    await begun.promise;
    await peer.reset();
    await failing;
  });
});

describe("a send to a peer that is gone", () => {
  it("fails with ECONNRESET or EPIPE and says how many bytes were taken", async () => {
    await using scope = new Scope();
    const { socket, peer } = await connected(scope);
    await peer.reset();
    let error: Awaited<ReturnType<typeof failure>> | undefined;
    while (!error) {
      await turns(1);
      await socket.send("hello?").catch((reason) => {
        error = reason;
      });
    }
    expect(error.code).toMatch(PEER_GONE);
    expect(error.bytesSent).toBe(0);
    expect(error.syscall).toEqual(expect.any(String));
  });

  it("that resets it half way fails with the number of bytes that were taken", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    const sending = failure(client.send(pattern(STALLING_SIZE)), PEER_GONE);
    await receive(server, 100_000);
    await server.reset();
    const error = await sending;
    expect(error.bytesSent).toBeGreaterThanOrEqual(100_000);
    expect(error.bytesSent).toBeLessThan(STALLING_SIZE);
  });

  it("fails, one by one and in order, when several are outstanding", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    const order: number[] = [];
    const outcomes = Array.from({ length: 20 }, async (_, index) => {
      const error = await failure(client.send(pattern(STALLING_SIZE / 4, index)), PEER_GONE);
      order.push(index);
      return error.bytesSent!;
    });
    await turns();
    await server.reset();
    const taken = await Promise.all(outcomes);
    expect(order).toEqual(Array.from({ length: 20 }, (_, index) => index));
    // Only the one at the head can have been taken in part.
    expect(taken.slice(1)).toEqual(Array(19).fill(0));
  });

  it("keeps failing afterwards", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    const sending = failure(client.send(pattern(STALLING_SIZE)), PEER_GONE);
    await server.reset();
    await sending;
    for (let round = 0; round < 3; round++) await failure(client.send("more"), PEER_GONE);
  });
});

/** Sends until the reset has been noticed, which takes a round through the kernel. */
async function failureOrBytes(socket: TcpSocket): Promise<void> {
  let code = "";
  while (code === "") {
    await turns(1);
    await socket.send("into the void").catch((error: { code: string }) => {
      code = error.code;
    });
  }
  expect(code).toMatch(PEER_GONE);
}
