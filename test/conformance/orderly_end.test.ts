import type { TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { difference, pattern, receiveToEnd } from "../support/bytes.js";
import { PEER_GONE } from "../support/failure.js";
import { accepted, pair } from "../support/peers.js";
import { howItEnds, pushAccepted } from "../support/push.js";
import { Scope } from "../support/scope.js";
import { deferred, turns } from "../support/wait.js";

async function sendUntilLost(socket: TcpSocket): Promise<string> {
  for (;;) {
    await turns(1);
    try {
      await socket.send("more");
    } catch (error) {
      return (error as { code: string }).code;
    }
  }
}

describe("a connection ends in order", () => {
  it("by shutdown(), receiving to the end of the stream, and then close()", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const answer = pattern(100_000);
    const sending = socket.send(answer);
    await peer.write("a question that nobody has read yet");
    const ending = peer.end();
    await sending;
    await socket.shutdown();
    await receiveToEnd(socket);
    await socket.close();
    await ending;
    expect(difference(await peer.readToEnd(), answer)).toBe("");
    await peer.end();
  });

  it("not by shutdown() alone: a close with bytes unread is still a reset", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope);
    await client.send("a question");
    await server.recv({ size: 1 });
    await server.shutdown();
    await server.close();
    // The FIN may have been seen before: then the reset is what the next send meets.
    const code = await receiveToEnd(client).then(
      () => sendUntilLost(client),
      (error: { code: string }) => error.code,
    );
    expect(code).toMatch(PEER_GONE);
  });

  it("not by close() while the peer goes on sending: what comes later is answered by a reset", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    await socket.close();
    const ends = peer.closed;
    const more = setInterval(() => peer.socket.write("more"), 1);
    scope.defer(() => clearInterval(more));
    expect(await ends).toMatch(/^(ECONNRESET|EPIPE|ECONNABORTED)$/);
  });
});

describe("a paused socket", () => {
  it("hears of a reset when it is resumed", async () => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await pushAccepted(scope);
    socket.pause();
    await turns();
    await peer.reset();
    await turns(50);
    expect(recorder.names(socket)).toEqual(["open"]);
    socket.resume();
    await recorder.next("close");
    expect(recorder.names(socket)).toEqual(["open", "error", "close"]);
    expect(recorder.events.find(({ name }) => name === "error")?.error?.code).toBe("ECONNRESET");
  });

  it("hears of it at once when it writes", async () => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await pushAccepted(scope);
    socket.pause();
    await turns();
    await peer.reset();
    await turns();
    socket.write("anybody there?");
    await recorder.next("close");
    expect(recorder.names(socket)).toEqual(["open", "error", "close"]);
  });

  it("hears of the peer's FIN when it is resumed", async () => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await pushAccepted(scope);
    socket.pause();
    await turns();
    await peer.end();
    await turns(50);
    expect(recorder.names(socket)).toEqual(["open"]);
    socket.resume();
    await recorder.next("end");
  });
});

describe("for await over a socket", () => {
  it.each([
    ["break", "break"],
    ["an exception", "throw"],
  ])("that is left by %s leaves it open, and the next receive goes on", async (_, how) => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    await peer.write("first");
    const reading = async () => {
      for await (const chunk of socket) {
        expect(Buffer.from(chunk).toString()).toBe("first");
        if (how === "throw") throw new Error("enough");
        break;
      }
    };
    if (how === "throw") await expect(reading()).rejects.toThrow("enough");
    else await reading();
    expect(socket.closed).toBe(false);
    await peer.write("second");
    expect(Buffer.from((await socket.recv()) ?? []).toString()).toBe("second");
    await socket.send("still open");
    expect((await peer.read(10)).toString()).toBe("still open");
  });

  it("that ends with the stream leaves it open for sending", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const ended = deferred();
    const reading = (async () => {
      for await (const _ of socket);
      ended.resolve();
    })();
    await peer.end();
    await ended.promise;
    await reading;
    expect(socket.closed).toBe(false);
    await socket.send("goodbye");
    const ends = howItEnds(peer);
    await socket.close();
    expect(await ends).toBe("end");
  });
});
