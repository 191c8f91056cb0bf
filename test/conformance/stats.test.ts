import { CompletionPort } from "portside";
import { describe, expect, it } from "vitest";
import { pattern, receive } from "../support/bytes.js";
import { echo } from "../support/echo.js";
import { failure } from "../support/failure.js";
import { narrow, pair, STALLING_SIZE } from "../support/peers.js";
import { Scope } from "../support/scope.js";
import { turns } from "../support/wait.js";

const _loopback = { host: "127.0.0.1" };

describe("stats", () => {
  it("has a number for everything it counts", async () => {
    await using port = new CompletionPort();
    const { backend, waker, ...numbers } = port.stats();
    expect([backend, waker]).toEqual([port.backend, port.waker]);
    expect(Object.keys(numbers).sort()).toEqual(
      [
        "accepted",
        "batches",
        "bytesDropped",
        "bytesQueued",
        "bytesReceived",
        "bytesSent",
        "completed",
        "connected",
        "descriptorLimit",
        "handles",
        "operations",
        "polls",
        "posted",
        "receiveBuffers",
        "postedAccepts",
        "postedReceives",
        "postedSends",
        "acceptsTimedOut",
        "retries",
        "residentMemory",
        "shortages",
        "submitted",
      ].sort(),
    );
    for (const [name, value] of Object.entries(numbers)) {
      expect(value, name).toBeGreaterThanOrEqual(0);
      expect(Number.isFinite(value), name).toBe(true);
    }
    expect(numbers).toMatchObject({ handles: 0, operations: 0, submitted: 0, completed: 0 });
    expect(numbers.descriptorLimit).toBeGreaterThan(0);
    expect(numbers.residentMemory).toBeGreaterThan(1_000_000);
  });

  it("counts handles, connections and bytes", async () => {
    await using port = new CompletionPort();
    await echo(port, 10);
    expect(port.stats()).toMatchObject({
      handles: 0,
      operations: 0,
      accepted: 10,
      connected: 10,
      shortages: 0,
      bytesSent: 10 * 2 * 1000,
      bytesReceived: 10 * 2 * 1000,
      bytesQueued: 0,
      receiveBuffers: 0,
    });
    const { submitted, completed, batches, polls } = port.stats();
    expect(completed).toBe(submitted);
    expect(submitted).toBeGreaterThanOrEqual(10 * 6);
    expect(batches).toBeGreaterThan(0);
    expect(polls).toBeGreaterThan(0);
  });

  it("counts what waits", async () => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort());
    const { client, server } = await pair(scope, { ...narrow, completionPort: port });
    const pending = [client.send(pattern(STALLING_SIZE)), client.recv(), client.recv()];
    for (const promise of pending) promise.catch(() => {});
    await turns();
    const waiting = port.stats();
    expect(waiting).toMatchObject({ handles: 2, operations: 3 });
    expect(waiting.submitted - waiting.completed).toBe(3);
    expect(waiting.bytesQueued).toBeGreaterThan(0);
    expect(waiting.bytesQueued).toBeLessThan(STALLING_SIZE);
    await receive(server, STALLING_SIZE);
    await pending[0];
    expect(port.stats()).toMatchObject({ handles: 2, operations: 2, bytesQueued: 0 });
    await client.close();
    expect(port.stats()).toMatchObject({ handles: 1, operations: 0 });
  });

  it("counts bytes no more that were given up", async () => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort());
    const { client, server } = await pair(scope, { ...narrow, completionPort: port });
    const controller = new AbortController();
    const sending = client.send(pattern(STALLING_SIZE), { signal: controller.signal });
    expect(port.stats().bytesQueued).toBeGreaterThan(0);
    controller.abort();
    await failure(sending, "ECANCELED");
    expect(port.stats().bytesQueued).toBe(0);
    server.write(pattern(STALLING_SIZE));
    expect(port.stats().bytesQueued).toBeGreaterThan(0);
    await server.reset();
    expect(port.stats().bytesQueued).toBe(0);
  });

  it("counts no receive buffer for connections that wait for bytes on a readiness backend", async () => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort());
    const pairs = await Promise.all(Array.from({ length: 20 }, () => pair(scope, { completionPort: port })));
    const pending = pairs.map(({ client }) => client.recv());
    for (const promise of pending) promise.catch(() => {});
    await turns();
    if (port.backend === "epoll" || port.backend === "kqueue") expect(port.stats().receiveBuffers).toBe(0);
    else expect(port.stats().receiveBuffers).toBeLessThanOrEqual(20);
  });
});
