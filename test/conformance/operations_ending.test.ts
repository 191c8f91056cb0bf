import { CompletionPort, connect, listen, type Operation, PortsideError, type TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { difference, pattern, receiveToEnd } from "../support/bytes.js";
import { Completions } from "../support/completions.js";
import { failure } from "../support/failure.js";
import { accepted, narrow, pair, STALLING_SIZE } from "../support/peers.js";
import { Scope } from "../support/scope.js";
import { turns } from "../support/wait.js";

const port = CompletionPort.default;

const loopback = { host: "127.0.0.1" };

describe("cancel", () => {
  it("of an operation that is not pending returns false and does nothing", async () => {
    const done = new Completions(port);
    expect(done.operation.cancel()).toBe(false);
    done.operation.timer(0);
    await done.nth(1);
    expect(done.operation.cancel()).toBe(false);
    await turns();
    expect(done.seen).toHaveLength(1);
  });

  const situations: [string, (scope: Scope) => Promise<(operation: Operation) => unknown>][] = [
    [
      "receive",
      async (scope) => {
        const { socket } = await accepted(scope);
        return (operation) => operation.recv(socket, new Uint8Array(10));
      },
    ],
    [
      "send",
      async (scope) => {
        const { client } = await pair(scope, narrow);
        return (operation) => operation.send(client, pattern(STALLING_SIZE));
      },
    ],
    [
      "accept",
      async (scope) => {
        const listener = scope.use(await listen(loopback));
        return (operation) => operation.accept(listener);
      },
    ],
    ["timer", async () => (operation) => operation.timer(2 ** 31 - 1)],
  ];

  it.each(situations)(
    "ends a waiting %s with ECANCELED, exactly once, and never inside",
    async (_, prepare) => {
      await using scope = new Scope();
      const submit = await prepare(scope);
      const done = new Completions(port);
      for (let round = 1; round <= 3; round++) {
        submit(done.operation);
        if (round > 1) await turns(3);
        expect(done.operation.cancel()).toBe(true);
        expect(done.seen).toHaveLength(round - 1);
        const { error } = await done.nth(round);
        expect(error).toBeInstanceOf(PortsideError);
        expect(error!.code).toBe("ECANCELED");
        expect(done.operation.pending).toBe(false);
      }
      await turns();
      expect(done.seen).toHaveLength(3);
    },
  );

  it("may be called again before the completion, which still comes once", async () => {
    await using scope = new Scope();
    const { socket } = await accepted(scope);
    const done = new Completions(port);
    done.operation.recv(socket, new Uint8Array(10));
    done.operation.cancel();
    done.operation.cancel();
    expect((await done.nth(1)).error!.code).toBe("ECANCELED");
    await turns();
    expect(done.seen).toHaveLength(1);
  });

  it("racing with the result gives one of both, once, and loses no byte", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const sent = pattern(300);
    const got: number[] = [];
    const buffer = new Uint8Array(400);
    const done = new Completions(port, ({ error, result }) => {
      if (error) expect(error.code).toBe("ECANCELED");
      else got.push(...buffer.subarray(0, result as number));
    });
    for (let round = 0; round < sent.length; round++) {
      const writing = peer.write(sent.subarray(round, round + 1));
      done.operation.recv(socket, buffer);
      if (round % 3 > 0) await turns(round % 3);
      done.operation.cancel();
      await done.nth(round + 1);
      await writing;
    }
    await peer.end();
    got.push(...(await receiveToEnd(socket)));
    expect(difference(Uint8Array.from(got), sent)).toBe("");
    expect(done.seen).toHaveLength(sent.length);
  });

  it("from within another operation's completion works", async () => {
    await using scope = new Scope();
    const { socket } = await accepted(scope);
    const waiting = new Completions(port);
    waiting.operation.recv(socket, new Uint8Array(10));
    const timer = new Completions(port, () => waiting.operation.cancel());
    timer.operation.timer(1);
    expect((await waiting.nth(1)).error!.code).toBe("ECANCELED");
  });
});

describe("closing from within a completion", () => {
  it.each(["close", "reset"] as const)("(%s) of a receive, a send and a timer is safe", async (ending) => {
    await using scope = new Scope();
    for (const kind of ["recv", "send", "timer"] as const) {
      const { client, server } = await pair(scope);
      const others = [client.recv(), client.recv()].map((promise) => failure(promise, "ECANCELED"));
      let closed: Promise<void> | undefined;
      const done = new Completions(port, () => {
        closed = client[ending]();
      });
      if (kind === "recv") done.operation.recv(server, new Uint8Array(1));
      else if (kind === "send") done.operation.send(client, "x");
      else done.operation.timer(1);
      if (kind === "recv") await client.send("x");
      await done.nth(1);
      await closed;
      await Promise.all(others);
      expect(client.closed).toBe(true);
    }
  });

  it("of an accept closes the listener and the new socket", async () => {
    await using scope = new Scope();
    const listener = scope.use(await listen(loopback));
    let closed: Promise<unknown> | undefined;
    const done = new Completions(port, ({ result }) => {
      closed = Promise.all([listener.close(), (result as TcpSocket).close()]);
    });
    done.operation.accept(listener);
    const other = failure(listener.accept(), "ECANCELED");
    scope.use(await connect({ ...loopback, port: listener.address.port }));
    await done.nth(1);
    await closed;
    expect(listener.closed).toBe(true);
    await other;
  });

  it("of the socket whose operations complete in the same batch gives each its completion", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope);
    await client.send(pattern(50));
    await turns();
    const operations = Array.from({ length: 20 }, () => {
      const done = new Completions(port, () => void server.close());
      done.operation.recv(server, new Uint8Array(5));
      return done;
    });
    const ended = await Promise.all(operations.map((done) => done.nth(1)));
    expect(ended[0]!.error).toBeNull();
    for (const { error } of ended) if (error) expect(error.code).toBe("ECANCELED");
    await turns();
    expect(operations.every((done) => done.seen.length === 1)).toBe(true);
  });
});
