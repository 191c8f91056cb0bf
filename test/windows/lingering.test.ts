import { CompletionPort, listen } from "portside";
import { describe, expect, it } from "vitest";
import { difference, pattern } from "../support/bytes.js";
import { failure } from "../support/failure.js";
import { narrow, netClient, STALLING_SIZE } from "../support/peers.js";
import { Scope } from "../support/scope.js";

/** Milliseconds for which a closed socket waits for a peer that takes nothing. */
const LINGER = 10_000;

describe("what a socket is closed with", () => {
  it("is delivered, also when its port was idle for longer than a socket lingers", async () => {
    await using scope = new Scope();
    const completionPort = scope.use(new CompletionPort());
    const listener = await listen({ host: "127.0.0.1", completionPort, ...narrow });
    const [socket, peer] = await Promise.all([listener.accept(), netClient(scope, listener.address.port)]);
    await listener.close();
    await new Promise((resolve) => setTimeout(resolve, LINGER + 1000));
    const data = pattern(STALLING_SIZE);
    const ended = failure(socket.send(data), "ECANCELED");
    await socket.close();
    const { bytesSent } = await ended;
    expect(bytesSent).toBeGreaterThan(0);
    expect(difference(await peer.readToEnd(), data.subarray(0, bytesSent))).toBe("");
  });
});
