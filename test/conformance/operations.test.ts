import { CompletionPort, connect, listen, type Operation, PortsideError, TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { pattern, receive } from "../support/bytes.js";
import { Completions } from "../support/completions.js";
import { PEER_GONE, thrown } from "../support/failure.js";
import { accepted, connected, narrow, netClient, pair, STALLING_SIZE } from "../support/peers.js";
import { Scope } from "../support/scope.js";
import { turns } from "../support/wait.js";

const port = CompletionPort.default;

const loopback = { host: "127.0.0.1" };

describe("an operation object", () => {
  it("receives: the result is the number of bytes in the buffer", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const done = new Completions(port);
    const buffer = new Uint8Array(100);
    expect(done.operation.recv(socket, buffer)).toBe(done.operation);
    expect(done.operation.pending).toBe(true);
    await peer.write("abc");
    const { error, result, operation } = await done.nth(1);
    expect([error, result, operation]).toEqual([null, 3, done.operation]);
    expect(buffer.subarray(0, 4)).toEqual(Uint8Array.of(97, 98, 99, 0));
    expect(done.operation.pending).toBe(false);
  });

  it("receives: the result is 0 at the end of the stream, every time", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    await peer.end();
    const done = new Completions(port);
    for (let round = 1; round <= 3; round++) {
      done.operation.recv(socket, new Uint8Array(10));
      expect(await done.nth(round)).toMatchObject({ error: null, result: 0 });
    }
  });

  it("sends: the result is the number of bytes", async () => {
    await using scope = new Scope();
    const { socket, peer } = await connected(scope);
    const done = new Completions(port);
    expect(done.operation.send(socket, "grün")).toBe(done.operation);
    expect(await done.nth(1)).toMatchObject({ error: null, result: 5 });
    done.operation.send(socket, ["a", Uint8Array.of(98), "c"]);
    expect(await done.nth(2)).toMatchObject({ error: null, result: 3 });
    done.operation.send(socket, "");
    expect(await done.nth(3)).toMatchObject({ error: null, result: 0 });
    expect((await peer.read(8)).toString()).toBe("grünabc");
  });

  it("accepts: the result is a socket in pull style", async () => {
    await using scope = new Scope();
    const listener = scope.use(await listen(loopback));
    const done = new Completions(port);
    expect(done.operation.accept(listener)).toBe(done.operation);
    const peer = await netClient(scope, listener.address.port);
    const { error, result } = await done.nth(1);
    expect(error).toBeNull();
    expect(result).toBeInstanceOf(TcpSocket);
    const socket = scope.use(result as TcpSocket);
    await peer.write("hi");
    expect((await receive(socket, 2)).toString()).toBe("hi");
  });

  it("times: the result is undefined", async () => {
    const done = new Completions(port);
    expect(done.operation.timer(1)).toBe(done.operation);
    expect(await done.nth(1)).toEqual({ error: null, result: undefined, operation: done.operation });
  });

  it("gets its errors as PortsideError", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    const receiving = new Completions(port);
    const sending = new Completions(port);
    receiving.operation.recv(client, new Uint8Array(5));
    sending.operation.send(client, pattern(STALLING_SIZE));
    await turns();
    await server.reset();
    const received = await receiving.nth(1);
    expect(received.error).toBeInstanceOf(PortsideError);
    expect(received.error!.code).toBe("ECONNRESET");
    const sent = await sending.nth(1);
    expect(sent.error!.code).toMatch(PEER_GONE);
    expect(sent.error!.bytesSent).toBeGreaterThan(0);
    expect(sent.error!.bytesSent).toBeLessThan(STALLING_SIZE);
  });

  it("can be used again for anything, also from within its own completion", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope);
    const steps: unknown[] = [];
    const buffer = new Uint8Array(10);
    const done = new Completions(port, ({ result, operation }) => {
      steps.push(result);
      if (steps.length === 1) operation.send(client, "ping");
      else if (steps.length === 2) operation.recv(server, buffer);
      else if (steps.length === 3) operation.timer(0);
    });
    done.operation.timer(0);
    await done.nth(4);
    expect(steps).toEqual([undefined, 4, 4, undefined]);
    expect(Buffer.from(buffer.subarray(0, 4)).toString()).toBe("ping");
  });

  it("carries an echo server of ten thousand rounds without a promise", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope);
    const serverBuffer = new Uint8Array(64);
    const receiving = port.operation((error, result) => {
      if (!error && result) sending.send(server, serverBuffer.subarray(0, result as number));
    });
    const sending = port.operation((error) => {
      if (!error) receiving.recv(server, serverBuffer);
    });
    receiving.recv(server, serverBuffer);
    let rounds = 0;
    const clientBuffer = new Uint8Array(64);
    await new Promise<void>((resolve, reject) => {
      const asking = port.operation((error) => {
        if (error) reject(error);
        else answering.recv(client, clientBuffer);
      });
      const answering = port.operation((error, result) => {
        if (error) reject(error);
        else if (result !== 8) reject(new Error(`answer of ${result} bytes`));
        else if (++rounds === 10_000) resolve();
        else asking.send(client, "question");
      });
      asking.send(client, "question");
    });
    expect(rounds).toBe(10_000);
  });
});

describe("a completion", () => {
  it("is never delivered from within the submitting call, even when the work is done at once", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const listener = scope.use(await listen(loopback));
    await netClient(scope, listener.address.port);
    await peer.write("already here");
    await turns();
    let inside = false;
    const inCall: boolean[] = [];
    const record = () => inCall.push(inside);
    const submissions: ((operation: Operation) => unknown)[] = [
      (operation) => operation.recv(socket, new Uint8Array(5)),
      (operation) => operation.send(socket, "small"),
      (operation) => operation.send(socket, ""),
      (operation) => operation.accept(listener),
      (operation) => operation.timer(0),
      (operation) => {
        operation.timer(60_000);
        operation.cancel();
      },
    ];
    const operations = submissions.map((submit) => {
      const done = new Completions(port, ({ result }) => {
        record();
        if (result instanceof TcpSocket) scope.use(result);
      });
      inside = true;
      submit(done.operation);
      inside = false;
      return done;
    });
    expect(inCall).toEqual([]);
    await Promise.all(operations.map((done) => done.nth(1)));
    expect(inCall).toEqual(Array(submissions.length).fill(false));
  });

  it("is never delivered from within a submission that another completion makes", async () => {
    await using scope = new Scope();
    const { socket } = await connected(scope);
    let depth = 0;
    let deepest = 0;
    let completions = 0;
    await new Promise<void>((resolve) => {
      const next = () => {
        depth++;
        deepest = Math.max(deepest, depth);
        completions++;
        if (completions < 300) port.operation(next).send(socket, "x");
        else resolve();
        depth--;
      };
      port.operation(next).send(socket, "x");
    });
    expect(deepest).toBe(1);
  });

  it("comes exactly once for each of five hundred operations on fifty connections", async () => {
    await using scope = new Scope();
    const pairs = await Promise.all(Array.from({ length: 50 }, () => pair(scope)));
    const all: Completions[] = [];
    for (const { client, server } of pairs) {
      for (let index = 0; index < 5; index++) {
        const receiving = new Completions(port);
        receiving.operation.recv(server, new Uint8Array(4));
        const sending = new Completions(port);
        sending.operation.send(client, "four");
        all.push(receiving, sending);
      }
    }
    await Promise.all(all.map((done) => done.nth(1)));
    await turns();
    expect(all.every((done) => done.seen.length === 1)).toBe(true);
    expect(all.every((done) => done.seen[0]!.error === null)).toBe(true);
  });
});

describe("submitting while pending", () => {
  it("throws ERR_INVALID_STATE and leaves the pending operation alone", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const listener = scope.use(await listen(loopback));
    const done = new Completions(port);
    const buffer = new Uint8Array(10);
    done.operation.recv(socket, buffer);
    thrown(() => done.operation.recv(socket, new Uint8Array(10)), "ERR_INVALID_STATE");
    thrown(() => done.operation.send(socket, "no"), "ERR_INVALID_STATE");
    thrown(() => done.operation.accept(listener), "ERR_INVALID_STATE");
    thrown(() => done.operation.timer(1), "ERR_INVALID_STATE");
    expect(done.operation.pending).toBe(true);
    await peer.write("yes");
    expect(await done.nth(1)).toMatchObject({ error: null, result: 3 });
    await turns();
    expect(done.seen).toHaveLength(1);
  });
});

describe("an operation of another completion port", () => {
  it("is refused for every kind, and leaves the handle alone", async () => {
    await using scope = new Scope();
    const other = scope.use(new CompletionPort());
    const { client, server } = await pair(scope);
    const listener = scope.use(await listen(loopback));
    const { operation, seen } = new Completions(other);
    thrown(() => operation.recv(client, new Uint8Array(10)), "ERR_INVALID_STATE");
    thrown(() => operation.send(client, "never sent"), "ERR_INVALID_STATE");
    thrown(() => operation.accept(listener), "ERR_INVALID_STATE");
    expect(operation.pending).toBe(false);
    await client.send("good");
    expect((await receive(server, 4)).toString()).toBe("good");
    expect(seen).toHaveLength(0);
  });
});

describe("an operation that is refused", () => {
  type Call = (operation: Operation, scope: Scope) => Promise<() => unknown>;
  const refusals: [string, Call, string][] = [
    [
      "a receive on a closed socket",
      async (op, scope) => closedSocket(scope, (it) => op.recv(it, new Uint8Array(1))),
      "EBADF",
    ],
    [
      "a send on a closed socket",
      async (op, scope) => closedSocket(scope, (it) => op.send(it, "x")),
      "EBADF",
    ],
    [
      "an accept on a closed listener",
      async (op) => {
        const listener = await listen(loopback);
        await listener.close();
        return () => op.accept(listener);
      },
      "EBADF",
    ],
    [
      "a receive without a buffer",
      async (op, scope) => openSocket(scope, (it) => op.recv(it, undefined as never)),
      "ERR_INVALID_ARG_TYPE",
    ],
    [
      "a receive into an empty buffer",
      async (op, scope) => openSocket(scope, (it) => op.recv(it, new Uint8Array(0))),
      "ERR_INVALID_ARG_VALUE",
    ],
    [
      "a send of a number",
      async (op, scope) => openSocket(scope, (it) => op.send(it, 5 as never)),
      "ERR_INVALID_ARG_TYPE",
    ],
    [
      "a send of a list with null",
      async (op, scope) => openSocket(scope, (it) => op.send(it, [null] as never)),
      "ERR_INVALID_ARG_TYPE",
    ],
    [
      "a receive on something else",
      async (op) => () => op.recv({} as never, new Uint8Array(1)),
      "ERR_INVALID_ARG_TYPE",
    ],
    ["a send on nothing", async (op) => () => op.send(undefined as never, "x"), "ERR_INVALID_ARG_TYPE"],
    [
      "an accept on a socket",
      async (op, scope) => openSocket(scope, (it) => op.accept(it as never)),
      "ERR_INVALID_ARG_TYPE",
    ],
    [
      "a receive on a socket with handlers",
      async (op, scope) => {
        const listener = scope.use(await listen(loopback));
        const socket = scope.use(await connect({ ...loopback, port: listener.address.port }, { data() {} }));
        return () => op.recv(socket, new Uint8Array(1));
      },
      "ERR_INVALID_STATE",
    ],
    [
      "an accept on a listener with handlers",
      async (op, scope) => {
        const listener = scope.use(await listen(loopback, { open() {} }));
        return () => op.accept(listener);
      },
      "ERR_INVALID_STATE",
    ],
  ];

  it.each(refusals)("(%s) throws, is not pending and never completes", async (_, prepare, code) => {
    await using scope = new Scope();
    const done = new Completions(port);
    const call = await prepare(done.operation, scope);
    expect(thrown(call, code).message.length).toBeGreaterThan(15);
    expect(done.operation.pending).toBe(false);
    await turns();
    expect(done.seen).toHaveLength(0);
    done.operation.timer(0);
    expect((await done.nth(1)).error).toBeNull();
  });

  it("has a completion handler that is no function", () => {
    thrown(() => port.operation(undefined as never), "ERR_INVALID_ARG_TYPE");
    thrown(() => port.operation("done" as never), "ERR_INVALID_ARG_TYPE");
  });

  it("is not a send after shutdown, which completes with EPIPE or is refused with it", async () => {
    await using scope = new Scope();
    const { socket } = await connected(scope);
    await socket.shutdown();
    const done = new Completions(port);
    let code: string | undefined;
    try {
      done.operation.send(socket, "late");
      code = (await done.nth(1)).error?.code;
    } catch (error) {
      code = (error as PortsideError).code;
    }
    expect(code).toBe("EPIPE");
  });
});

async function openSocket(scope: Scope, call: (socket: TcpSocket) => unknown): Promise<() => unknown> {
  const { socket } = await accepted(scope);
  return () => call(socket);
}

async function closedSocket(scope: Scope, call: (socket: TcpSocket) => unknown): Promise<() => unknown> {
  const { socket } = await accepted(scope);
  await socket.close();
  return () => call(socket);
}
