import { describe, expect, it } from "vitest";
import { pattern, receive, receiveToEnd } from "../support/bytes.js";
import { failure } from "../support/failure.js";
import { narrow, STALLING_SIZE } from "../support/peers.js";
import { pushPair } from "../support/push.js";
import { Recorder } from "../support/recorder.js";
import { Scope } from "../support/scope.js";
import { turns, until } from "../support/wait.js";

// Nothing is left to be sent then, and whoever waits for that has to hear it.
describe("cancelling the last send that waits", () => {
  it("ends a close that waited for it, although the peer never reads", async () => {
    await using scope = new Scope();
    const recorder = new Recorder({}, ["end"]);
    const { socket, client } = await pushPair(scope, recorder, narrow);
    const controller = new AbortController();
    const sending = socket.send(pattern(STALLING_SIZE), { signal: controller.signal });
    // Without an `end` handler the socket closes itself, once everything is out.
    await client.shutdown();
    await until(() => socket.closed);
    await turns();
    expect(recorder.count("close")).toBe(0);
    controller.abort();
    await failure(sending, "ECANCELED");
    await recorder.next("close");
    expect(recorder.names(socket)).toEqual(["open", "close"]);
    // In order, and not because its patience with the peer came to an end.
    await receiveToEnd(client);
  });

  it("brings the drain that write() owes", async () => {
    await using scope = new Scope();
    const recorder = new Recorder();
    const { socket, client } = await pushPair(scope, recorder, narrow);
    const written = pattern(1024 * 1024);
    expect(socket.write(written)).toBe(false);
    const controller = new AbortController();
    const sending = socket.send(pattern(STALLING_SIZE), { signal: controller.signal });
    await receive(client, written.length);
    expect(socket.writableLength).toBe(0);
    await turns();
    expect(recorder.count("drain")).toBe(0);
    controller.abort();
    await failure(sending, "ECANCELED");
    await recorder.next("drain");
    expect(socket.write("goes on")).toBe(true);
    await turns();
    expect(recorder.count("drain")).toBe(1);
  });
});
