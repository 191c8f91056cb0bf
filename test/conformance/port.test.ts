import { CompletionPort, connect, listen, type TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { pattern, receive } from "../support/bytes.js";
import { Completions } from "../support/completions.js";
import { echo } from "../support/echo.js";
import { failure, thrown } from "../support/failure.js";
import { narrow, netServer, pair, STALLING_SIZE, stalledEndpoint } from "../support/peers.js";
import { Scope } from "../support/scope.js";
import { deferred, note, turns, until, watch } from "../support/wait.js";

const loopback = { host: "127.0.0.1" };

describe("a completion port", () => {
  it("is there by default, and always the same", () => {
    expect(CompletionPort.default).toBeInstanceOf(CompletionPort);
    expect(CompletionPort.default).toBe(CompletionPort.default);
    expect(CompletionPort.default.closed).toBe(false);
  });

  it("uses the backend and the waker that the environment asks for", async () => {
    await using port = new CompletionPort();
    expect(port.backend).toMatch(/^(epoll|kqueue|iocp|io_uring|simulated)$/);
    expect(port.waker).toMatch(/^(loop|thread)$/);
    const { PORTSIDE_BACKEND, PORTSIDE_WAKER } = process.env;
    if (PORTSIDE_BACKEND) expect(port.backend).toBe(PORTSIDE_BACKEND);
    if (PORTSIDE_WAKER) expect(port.waker).toBe(PORTSIDE_WAKER);
    expect(CompletionPort.default).toMatchObject({ backend: port.backend, waker: port.waker });
  });

  it("has an id that no other port has", async () => {
    await using scope = new Scope();
    const ports = Array.from({ length: 20 }, () => scope.use(new CompletionPort()));
    expect(new Set([CompletionPort.default, ...ports].map((port) => port.id)).size).toBe(21);
    for (const { id } of ports) expect(Number.isSafeInteger(id)).toBe(true);
  });

  it.each(["thread", CompletionPort.default.waker] as const)("works with the waker %s", async (waker) => {
    await using port = new CompletionPort({ waker });
    expect(port.waker).toBe(waker);
    await echo(port, 20);
  });

  it.each([
    [1, 1],
    [1, 64],
    [7, 2],
    [1024, 64],
  ])("works with batches of %i completions and %i polls", async (batch, polls) => {
    await using port = new CompletionPort({ batch, polls });
    await echo(port, 50);
  });

  it.each<[string, unknown, string]>([
    ["an unknown backend", { backend: "select" }, "ERR_INVALID_ARG_VALUE"],
    ["an unknown waker", { waker: "alarm" }, "ERR_INVALID_ARG_VALUE"],
    ["a batch of 0", { batch: 0 }, "ERR_OUT_OF_RANGE"],
    ["a batch of 1025", { batch: 1025 }, "ERR_OUT_OF_RANGE"],
    ["a fractional batch", { batch: 2.5 }, "ERR_OUT_OF_RANGE"],
    ["a batch that is no number", { batch: "64" }, "ERR_INVALID_ARG_TYPE"],
    ["no polls", { polls: 0 }, "ERR_OUT_OF_RANGE"],
    ["65 polls", { polls: 65 }, "ERR_OUT_OF_RANGE"],
    ["an unknown option", { threads: 4 }, "ERR_INVALID_ARG_VALUE"],
    ["options that are no object", 64, "ERR_INVALID_ARG_TYPE"],
    ["null for options", null, "ERR_INVALID_ARG_TYPE"],
  ])("cannot be made with %s", (_, options, code) => {
    thrown(() => new CompletionPort(options as never), code);
  });

  it("cannot be made with a backend that this system does not have", () => {
    const own = CompletionPort.default.backend;
    for (const backend of ["epoll", "kqueue", "iocp"] as const) {
      if (backend !== own)
        thrown(() => new CompletionPort({ backend }), /^(ERR_INVALID_ARG_VALUE|ENOSYS|ENOTSUP)$/);
    }
  });

  it("can be made and closed hundreds of times", async () => {
    for (let round = 0; round < 300; round++) {
      await using port = new CompletionPort();
      if (round % 50 === 0) await echo(port, 2);
    }
  });
});

describe("several ports in one thread", () => {
  it("can talk to each other, and closing one leaves the others alone", async () => {
    await using scope = new Scope();
    const first = scope.use(new CompletionPort());
    const second = scope.use(new CompletionPort());
    const listener = await listen({ ...loopback, completionPort: first });
    const [server, client] = await Promise.all([
      listener.accept(),
      connect({ ...loopback, port: listener.address.port, completionPort: second }),
    ]);
    await client.send("across");
    expect((await receive(server, 6)).toString()).toBe("across");
    expect(first.stats()).toMatchObject({ handles: 2, accepted: 1, connected: 0 });
    expect(second.stats()).toMatchObject({ handles: 1, accepted: 0, connected: 1 });
    await first.close();
    expect([server.closed, listener.closed, client.closed]).toEqual([true, true, false]);
    expect(await client.recv()).toBeNull();
    await echo(second, 2);
    await echo(CompletionPort.default, 2);
  });

  it("serve the sockets that their listeners accept", async () => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort());
    const before = CompletionPort.default.stats().handles;
    await pair(scope, { completionPort: port });
    expect(port.stats().handles).toBe(2);
    expect(CompletionPort.default.stats().handles).toBe(before);
  });
});

describe("closing a port", () => {
  it("ends every operation with ECANCELED and closes every handle, before it completes", async () => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort());
    const { client, server } = await pair(scope, { ...narrow, completionPort: port });
    const listener = await listen({ ...loopback, completionPort: port });
    const stalled = await stalledEndpoint(scope);
    const timer = new Completions(port);
    timer.operation.timer(1_000_000);
    const order: string[] = [];
    const pending = [
      note(order, "recv", client.recv()),
      note(order, "send", client.send(pattern(STALLING_SIZE))),
      note(order, "shutdown", client.shutdown()),
      note(
        order,
        "recvInto",
        server.recvInto(new Uint8Array(10)).then(() => server.recvInto(new Uint8Array(10))),
      ),
      note(order, "accept", listener.accept()),
      note(order, "connect", connect({ ...stalled, completionPort: port })),
    ];
    await turns();
    await note(order, "closed", port.close());
    const codes = await Promise.all(pending);
    // The first recvInto has bytes; the second may still have got some too.
    expect(codes.filter((code) => code !== "ECANCELED").length).toBeLessThanOrEqual(1);
    expect(timer.seen.map(({ error }) => error?.code)).toEqual(["ECANCELED"]);
    expect(order).toHaveLength(7);
    expect(order.at(-1)).toBe("closed");
    expect([client.closed, server.closed, listener.closed, port.closed]).toEqual([true, true, true, true]);
  });

  it("is noticed by the peers of its connections", async () => {
    await using scope = new Scope();
    const server = await netServer(scope);
    const port = new CompletionPort();
    await connect({ ...loopback, port: server.port, completionPort: port });
    const peer = await server.accept();
    await port.close();
    expect(await peer.next()).toBeNull();
  });

  it("calls the close handler of each of its push-style sockets once", async () => {
    await using scope = new Scope();
    const server = await netServer(scope);
    const port = new CompletionPort();
    const closed: TcpSocket[] = [];
    const sockets: TcpSocket[] = [];
    for (let index = 0; index < 5; index++) {
      const options = { ...loopback, port: server.port, completionPort: port };
      sockets.push(await connect(options, { data() {}, close: (socket) => void closed.push(socket) }));
    }
    await port.close();
    expect(new Set(closed)).toEqual(new Set(sockets));
    expect(closed).toHaveLength(5);
  });

  it("is idempotent, and may happen twice at once", async () => {
    const port = new CompletionPort();
    await Promise.all([port.close(), port.close()]);
    await port.close();
    await port[Symbol.asyncDispose]();
    expect(port.closed).toBe(true);
  });

  it("makes everything on it fail with EBADF", async () => {
    const port = new CompletionPort();
    const operation = port.operation(() => {});
    await port.close();
    await failure(listen({ ...loopback, completionPort: port }), "EBADF");
    await failure(connect({ ...loopback, port: 9, completionPort: port }), "EBADF");
    thrown(() => port.post("x"), "EBADF");
    thrown(() => operation.timer(1), "EBADF");
    thrown(() => port.operation(() => {}).timer(1), "EBADF");
  });

  it("while listen() and connect() still look names up ends these with EBADF, and then completes", async () => {
    await using scope = new Scope();
    const server = await netServer(scope);
    const port = new CompletionPort();
    const listening = failure(listen({ ...loopback, completionPort: port }), "EBADF");
    const connecting = failure(connect({ ...loopback, port: server.port, completionPort: port }), "EBADF");
    await Promise.all([port.close(), listening, connecting]);
  });

  it("from within a completion of its own is safe", async () => {
    await using scope = new Scope();
    for (const kind of ["timer", "posted", "recv"] as const) {
      const port = new CompletionPort();
      const { client, server } = await pair(scope, { completionPort: port });
      const closed = deferred<Promise<void>>();
      const close = () => closed.resolve(port.close());
      const others = [failure(server.recv(), "ECANCELED"), failure(server.recv(), "ECANCELED")];
      if (kind === "timer") port.operation(close).timer(1);
      else if (kind === "posted") port.on("posted", close).post("now");
      else {
        port.operation(close).recv(client, new Uint8Array(1));
        // Its own completion may come after the close that it brings about.
        await server.send("x").catch(() => {});
      }
      await closed.promise;
      await Promise.all(others);
      expect(port.closed).toBe(true);
    }
  });

  it("happens at the end of an await using block", async () => {
    let kept: CompletionPort;
    {
      await using port = new CompletionPort();
      kept = port;
    }
    expect(kept.closed).toBe(true);
  });
});

describe("ref and unref", () => {
  it("return their object, on ports, listeners and sockets, as often as called", async () => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort());
    const listener = scope.use(await listen({ ...loopback, completionPort: port }));
    const { client } = await pair(scope, { completionPort: port });
    for (const handle of [port, listener, client]) {
      expect(handle.unref().unref().ref().ref()).toBe(handle);
    }
  });

  it("do not change what completes", async () => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort());
    const { client, server } = await pair(scope, { completionPort: port });
    port.unref();
    client.unref();
    server.unref();
    const receiving = server.recv();
    await client.send("quiet");
    // Something else keeps the loop alive meanwhile.
    const state = watch(receiving);
    await until(() => state.settled);
    expect(Buffer.from((await receiving)!).toString()).toBe("quiet");
  });
});
