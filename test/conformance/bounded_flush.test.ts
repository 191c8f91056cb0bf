import { describe, expect, it } from "vitest";
import { difference, pattern, receive, receiveToEnd } from "../support/bytes.js";
import { narrow, STALLING_SIZE } from "../support/peers.js";
import { pushPair } from "../support/push.js";
import { Recorder } from "../support/recorder.js";
import { Scope } from "../support/scope.js";

/** Milliseconds that a peer may take nothing: flush_patience (native/streams/stream_flush.cpp). */
const PATIENCE = 10_000;

const later = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** A socket without an `end` handler whose peer has sent its FIN, and not read what was written. */
async function closing(scope: Scope) {
  const recorder = new Recorder({}, ["end"]);
  const { socket, client } = await pushPair(scope, recorder, narrow);
  const data = pattern(STALLING_SIZE);
  socket.write(data);
  await client.shutdown();
  return { socket, client, recorder, data };
}

describe.concurrent("a socket that closes itself after its peer's FIN", () => {
  it("is reset when the peer takes nothing for 10 s", { timeout: 120_000 }, async () => {
    await using scope = new Scope();
    const begin = performance.now();
    const { socket, client, recorder } = await closing(scope);
    await recorder.next("close");
    expect(performance.now() - begin).toBeGreaterThan(PATIENCE - 100);
    expect(performance.now() - begin).toBeLessThan(6 * PATIENCE);
    expect(recorder.names(socket)).toEqual(["open", "close"]);
    expect(socket.closed).toBe(true);
    const ending = receiveToEnd(client).then(
      (bytes) => bytes.length < STALLING_SIZE && "end",
      (error: { code: string }) => error.code,
    );
    // Wine tells a reset that meets no receive as the end.
    expect(await ending).toMatch(process.env.PORTSIDE_TEST_WINE ? /^(ECONNRESET|end)$/ : /^ECONNRESET$/);
  });

  it("goes on as long as the peer takes some of it", { timeout: 120_000 }, async () => {
    await using scope = new Scope();
    const { client, recorder, data } = await closing(scope);
    const parts: Buffer[] = [];
    const begin = performance.now();
    while (performance.now() - begin < 1.5 * PATIENCE) {
      parts.push(await receive(client, 256 * 1024));
      await later(PATIENCE / 5);
    }
    expect(recorder.count("close")).toBe(0);
    parts.push(await receiveToEnd(client));
    expect(difference(Buffer.concat(parts), data)).toBe("");
    await recorder.next("close");
    expect(recorder.count("error")).toBe(0);
  });
});
