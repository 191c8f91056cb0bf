import { CompletionPort } from "portside";
import { describe, expect, it } from "vitest";
import { difference, pattern, receive } from "../support/bytes.js";
import { narrow, pair, STALLING_SIZE } from "../support/peers.js";
import { pushPair } from "../support/push.js";
import { Recorder } from "../support/recorder.js";
import { Scope } from "../support/scope.js";
import { turns, until } from "../support/wait.js";

/** Under Wine each send that waits takes its time. */
const MANY = process.env.PORTSIDE_TEST_WINE ? 4_000 : 50_000;
const SMALL = 64;

/** Milliseconds that a thousand looks take, at best. */
function timeOfLooks(look: () => unknown): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round++) {
    const begin = performance.now();
    for (let count = 0; count < 200; count++) look();
    best = Math.min(best, performance.now() - begin);
  }
  return best * 5;
}

describe("small writes that wait", () => {
  it("join: thousands of them cost no completion each, and arrive in order", async () => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort());
    const recorder = new Recorder();
    const options = { ...narrow, completionPort: port };
    const { socket, client } = await pushPair(scope, recorder, options);
    const first = pattern(STALLING_SIZE);
    expect(socket.write(first)).toBe(false);
    await turns();
    const before = port.stats();
    const others = pattern(MANY * SMALL, 1);
    for (let count = 0; count < MANY; count++)
      socket.write(others.subarray(count * SMALL, (count + 1) * SMALL));
    await turns();
    // The OS may have taken more of the first one meanwhile.
    expect(socket.writableLength).toBe(port.stats().bytesQueued);
    expect(socket.writableLength).toBeGreaterThan(others.length);
    // One completion each would be hundreds of batches.
    expect(port.stats().batches - before.batches).toBeLessThan(20);
    await receive(client, first.length);
    expect(difference(await receive(client, others.length), others)).toBe("");
    await recorder.next("drain");
    await until(() => port.stats().bytesQueued === 0);
    expect(socket.writableLength).toBe(0);
  });

  it("between sends that are awaited neither walk the queue nor lose count", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    const first = client.send(new Uint8Array(STALLING_SIZE));
    const sends: Promise<number>[] = [];
    let written = 0;
    for (let count = 0; count < 2000; count++) {
      sends.push(client.send("awaited "));
      client.write("written ");
      written += 8;
    }
    expect(client.writableLength).toBe(written);
    await receive(server, STALLING_SIZE);
    const expected = "awaited written ".repeat(2000);
    expect((await receive(server, expected.length)).toString()).toBe(expected);
    expect(await first).toBe(STALLING_SIZE);
    expect(new Set(await Promise.all(sends))).toEqual(new Set([8]));
    expect(client.writableLength).toBe(0);
  });

  it("of nothing, among others, leave nothing behind", async () => {
    await using scope = new Scope();
    const recorder = new Recorder();
    const { socket, client } = await pushPair(scope, recorder, narrow);
    expect(socket.write(new Uint8Array(STALLING_SIZE))).toBe(false);
    await turns();
    for (let count = 0; count < 1000; count++) socket.write("");
    await turns();
    expect(socket.writableLength).toBe(CompletionPort.default.stats().bytesQueued);
    await receive(client, STALLING_SIZE);
    await recorder.next("drain");
    await turns();
    expect(recorder.count("drain")).toBe(1);
  });
});

describe("writableLength", () => {
  it("costs the same however many sends wait", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    const sends = [client.send(new Uint8Array(STALLING_SIZE))];
    client.write("x");
    const ofOne = timeOfLooks(() => client.writableLength);
    for (let count = 0; count < MANY; count++) sends.push(client.send("awaited"));
    client.write("y");
    const ofMany = timeOfLooks(() => client.writableLength);
    expect(client.writableLength).toBe(2);
    // A walk through them takes hundreds of times as long.
    expect(ofMany).toBeLessThan(20 * ofOne + 5);
    await receive(server, STALLING_SIZE + MANY * 7 + 2);
    await Promise.all(sends);
  });

  it("leaves out what is cancelled and what a close drops", async () => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort());
    const { client } = await pair(scope, { ...narrow, completionPort: port });
    const cancelled = new AbortController();
    const first = client.send(new Uint8Array(STALLING_SIZE), { signal: cancelled.signal }).catch(() => {});
    client.write("twelve bytes");
    expect(client.writableLength).toBe(12);
    cancelled.abort();
    await first;
    await client.close();
    expect(client.writableLength).toBe(0);
    expect(port.stats().bytesQueued).toBe(0);
  });
});

describe("write() after its news", () => {
  it("turns false at the mark, though only the first waiting write is told of", async () => {
    await using scope = new Scope();
    const recorder = new Recorder();
    const { socket, client } = await pushPair(scope, recorder, { ...narrow, highWaterMark: 10_000 });
    const stalling = socket.send(new Uint8Array(STALLING_SIZE)); // everything after it has to wait
    for (let written = 1000; written <= 10_000; written += 1000) {
      expect(socket.write(new Uint8Array(1000))).toBe(written < 10_000);
      await turns(2);
    }
    await receive(client, STALLING_SIZE + 10_000);
    await stalling;
    await recorder.next("drain");
    expect(socket.write("again")).toBe(true);
  });
});
