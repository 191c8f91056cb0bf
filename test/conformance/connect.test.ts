import { CompletionPort, type ConnectOptions, connect, listen, type TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { receive } from "../support/bytes.js";
import { failure } from "../support/failure.js";
import { resolveNames } from "../support/names.js";
import { hasIpv6, netServer, onFreePort, refusingPort, stalledEndpoint } from "../support/peers.js";
import { Scope } from "../support/scope.js";
import { deferred, until } from "../support/wait.js";

describe("a connect", () => {
  it("gives a socket that knows both addresses", async () => {
    await using scope = new Scope();
    const server = await netServer(scope);
    const socket = scope.use(await connect({ host: "127.0.0.1", port: server.port }));
    const peer = await server.accept();
    expect(socket.remoteAddress).toEqual({ address: "127.0.0.1", family: "IPv4", port: server.port });
    expect(socket.localAddress).toEqual({
      address: "127.0.0.1",
      family: "IPv4",
      port: peer.socket.remotePort,
    });
    expect(socket.closed).toBe(false);
    expect(socket.data).toBeUndefined();
  });

  it.skipIf(!hasIpv6)("reaches an IPv6 address (this needs ::1 on the loopback)", async () => {
    await using scope = new Scope();
    const server = await netServer(scope, "::1");
    const socket = scope.use(await connect({ host: "::1", port: server.port }));
    expect(socket.remoteAddress).toEqual({ address: "::1", family: "IPv6", port: server.port });
    await socket.send("six");
    expect((await (await server.accept()).read(3)).toString()).toBe("six");
  });

  it("to a port where nobody listens fails with ECONNREFUSED, the address and the port", async () => {
    await using scope = new Scope();
    const port = await refusingPort(scope);
    const error = await failure(connect({ host: "127.0.0.1", port }), "ECONNREFUSED");
    expect(error).toMatchObject({ syscall: "connect", address: "127.0.0.1", port });
    expect(error.errno).toEqual(expect.any(Number));
    expect(error.native).toEqual(expect.any(Number));
    expect(error.message).toContain("ECONNREFUSED");
  });

  it("to an address that no TCP connection can have fails with the kernel's POSIX code", async () => {
    const error = await failure(connect({ host: "255.255.255.255", port: 9, timeout: 5000 }));
    // Each kernel has its own opinion about the broadcast address.
    expect(error.code).toMatch(
      /^(ENETUNREACH|EHOSTUNREACH|EADDRNOTAVAIL|EACCES|EINVAL|ECONNREFUSED|ETIMEDOUT)$/,
    );
    expect(error.address).toBe("255.255.255.255");
  });

  it("that takes longer than its timeout fails with ETIMEDOUT", async () => {
    await using scope = new Scope();
    const { host, port } = await stalledEndpoint(scope);
    const begun = performance.now();
    const error = await failure(connect({ host, port, timeout: 120 }), "ETIMEDOUT");
    // Timers of the engine and of the clock may differ by a tick.
    expect(performance.now() - begun).toBeGreaterThanOrEqual(100);
    expect(error).toMatchObject({ syscall: "connect", address: host, port });
  });

  it("that came in time is not disturbed when its timeout passes", async () => {
    await using scope = new Scope();
    const server = await netServer(scope);
    const socket = scope.use(await connect({ host: "127.0.0.1", port: server.port, timeout: 2000 }));
    const passed = deferred();
    setTimeout(passed.resolve, 2100);
    await passed.promise;
    await socket.send("fine");
    expect((await (await server.accept()).read(4)).toString()).toBe("fine");
  });

  it("a hundred times at once gives a hundred different connections", async () => {
    await using scope = new Scope();
    const listener = scope.use(await listen({ host: "127.0.0.1" }));
    const accepting = Promise.all(Array.from({ length: 100 }, () => listener.accept()));
    const clients = await Promise.all(
      Array.from({ length: 100 }, () => connect({ host: "127.0.0.1", port: listener.address.port })),
    );
    for (const socket of [...clients, ...(await accepting)]) scope.use(socket);
    expect(new Set(clients.map((socket) => socket.localAddress!.port)).size).toBe(100);
    const byPort = new Map((await accepting).map((socket) => [socket.remoteAddress!.port, socket]));
    await Promise.all(
      clients.map(async (socket, index) => {
        await byPort.get(socket.localAddress!.port)!.send(`client ${index};`);
        expect((await receive(socket, 8 + String(index).length)).toString()).toBe(`client ${index};`);
      }),
    );
  });

  it("uses the local address and port it is told to", async () => {
    await using scope = new Scope();
    const server = await netServer(scope);
    const { opened, port: localPort } = await onFreePort("127.0.0.1", (localPort) =>
      connect({ host: "127.0.0.1", port: server.port, localAddress: "127.0.0.1", localPort }),
    );
    const socket = scope.use(opened);
    const peer = await server.accept();
    expect(socket.localAddress).toEqual({ address: "127.0.0.1", family: "IPv4", port: localPort });
    expect(peer.socket.remotePort).toBe(localPort);
  });

  it("from a local address that this machine does not have fails with EADDRNOTAVAIL", async () => {
    await using scope = new Scope();
    const server = await netServer(scope);
    const error = await failure(
      connect({ host: "127.0.0.1", port: server.port, localAddress: "192.0.2.1" }),
      "EADDRNOTAVAIL",
    );
    expect(error.syscall).toEqual(expect.any(String));
  });

  it.each([{ host: "0.0.0.0", reaches: "127.0.0.1" }, ...(hasIpv6 ? [{ host: "::", reaches: "::1" }] : [])])(
    "to $host, every address, reaches this machine",
    async ({ host, reaches }) => {
      await using scope = new Scope();
      const server = await netServer(scope, reaches);
      const socket = scope.use(await connect({ host, port: server.port }));
      expect(socket.remoteAddress).toMatchObject({ address: reaches, port: server.port });
    },
  );

  it("that could only meet itself fails, as nobody listens there", async () => {
    await using scope = new Scope();
    const tried: number[] = [];
    const connecting = onFreePort("127.0.0.1", (port) => {
      tried.push(port);
      return connect({ host: "127.0.0.1", port, localAddress: "127.0.0.1", localPort: port });
    });
    // Linux would connect the socket to itself; other kernels see by themselves that it cannot be.
    await failure(connecting, /^(ECONNREFUSED|EADDRINUSE|EADDRNOTAVAIL|EINVAL)$/);
    // The port is free for whom it was meant for, and not in TIME_WAIT.
    scope.use(await listen({ host: "127.0.0.1", port: tried.at(-1)! }));
  });

  it("from a local port that is in use fails with EADDRINUSE", async () => {
    await using scope = new Scope();
    const server = await netServer(scope);
    const other = await netServer(scope);
    await failure(
      connect({ host: "127.0.0.1", port: server.port, localAddress: "127.0.0.1", localPort: other.port }),
      "EADDRINUSE",
    );
  });

  it("runs the open handler before its promise resolves", async () => {
    await using scope = new Scope();
    const server = await netServer(scope);
    const opened: TcpSocket[] = [];
    const socket = scope.use(
      await connect({ host: "127.0.0.1", port: server.port }, { open: (it) => opened.push(it) }),
    );
    expect(opened).toEqual([socket]);
  });

  it("that fails leaves no handle and no operation behind", async () => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort());
    const refused = await refusingPort(scope);
    const stalled = { ...(await stalledEndpoint(scope)), completionPort: port };
    const refusing = { host: "127.0.0.1", port: refused, completionPort: port };
    await Promise.all([
      ...Array.from({ length: 20 }, () => failure(connect(refusing), "ECONNREFUSED")),
      ...Array.from({ length: 5 }, () => failure(connect({ ...stalled, timeout: 20 }), "ETIMEDOUT")),
      ...Array.from({ length: 5 }, () =>
        failure(connect({ ...stalled, signal: AbortSignal.timeout(20) }), "ECANCELED"),
      ),
    ]);
    expect(port.stats()).toMatchObject({ handles: 0, operations: 0, connected: 0 });
  });
});

describe("a connect to a name", () => {
  it("reaches localhost, whichever of its addresses the server has", async () => {
    await using scope = new Scope();
    const server = await netServer(scope);
    const socket = scope.use(await connect({ host: "localhost", port: server.port }));
    expect(socket.remoteAddress).toMatchObject({ family: "IPv4", port: server.port });
  });

  it("without a host means localhost", async () => {
    await using scope = new Scope();
    const server = await netServer(scope);
    scope.use(await connect({ port: server.port, family: 4 }));
    await server.accept();
  });

  it("that does not exist fails with ENOTFOUND", async () => {
    await using scope = new Scope();
    resolveNames(scope, {});
    const error = await failure(connect({ host: "nowhere.test", port: 80 }), "ENOTFOUND");
    expect(error.message).toContain("nowhere.test");
    expect(error.syscall).toEqual(expect.any(String));
  });

  it.skipIf(!hasIpv6)("tries the next address when one is refused (this needs ::1)", async () => {
    await using scope = new Scope();
    resolveNames(scope, { "both.test": ["::1", "127.0.0.1"] });
    const server = await netServer(scope);
    // So long an attempt delay that the test would not end if the refusal did not start the next attempt.
    const socket = scope.use(await connect({ host: "both.test", port: server.port, attemptDelay: 60_000 }));
    expect(socket.remoteAddress!.address).toBe("127.0.0.1");
  });

  it.skipIf(!hasIpv6)("tries the next address when one is silent for attemptDelay (needs ::1)", async () => {
    await using scope = new Scope();
    const { host, port } = await stalledEndpoint(scope);
    resolveNames(scope, { "both.test": [host, "::1"] });
    const listener = scope.use(await listen({ host: "::1", port }));
    const accepting = listener.accept();
    const socket = scope.use(await connect({ host: "both.test", port, attemptDelay: 20 }));
    scope.use(await accepting);
    expect(socket.remoteAddress!.address).toBe("::1");
  });

  it.skipIf(!hasIpv6)(
    "gives one socket only, although several attempts are under way (needs ::1)",
    async () => {
      await using scope = new Scope();
      resolveNames(scope, { "both.test": ["::1", "127.0.0.1"] });
      const completionPort = scope.use(new CompletionPort());
      const four = scope.use(await listen({ host: "127.0.0.1" }));
      const six = scope.use(await listen({ host: "::1", port: four.address.port }));
      const accepted = [four, six].map((listener) => listener.accept().then((it) => scope.use(it)));
      for (const accept of accepted) accept.catch(() => {});
      const socket = scope.use(
        await connect({ host: "both.test", port: four.address.port, attemptDelay: 10, completionPort }),
      );
      await Promise.race(accepted);
      await socket.send("x");
      await until(() => completionPort.stats().handles === 1);
      expect(completionPort.stats().operations).toBe(0);
      await Promise.all([four.close(), six.close()]);
    },
  );

  it.skipIf(!hasIpv6)("of which all addresses refuse fails with ECONNREFUSED (needs ::1)", async () => {
    await using scope = new Scope();
    resolveNames(scope, { "both.test": ["::1", "127.0.0.1"] });
    const port = await refusingPort(scope, "::1", "127.0.0.1");
    await failure(connect({ host: "both.test", port }), "ECONNREFUSED");
  });

  it("asks only for addresses of the family that was chosen", async () => {
    await using scope = new Scope();
    resolveNames(scope, { "both.test": ["::1", "127.0.0.1"], "six.test": ["::1"] });
    const server = await netServer(scope);
    const socket = scope.use(await connect({ host: "both.test", port: server.port, family: 4 }));
    expect(socket.remoteAddress!.family).toBe("IPv4");
    await failure(connect({ host: "six.test", port: server.port, family: 4 }), "ENOTFOUND");
  });
});

describe("a connect that is refused for its arguments", () => {
  it.each<[string, unknown, string]>([
    ["no options", undefined, "ERR_INVALID_ARG_TYPE"],
    ["null for options", null, "ERR_INVALID_ARG_TYPE"],
    ["a number for options", 7000, "ERR_INVALID_ARG_TYPE"],
    ["no port", { host: "127.0.0.1" }, "ERR_INVALID_ARG_TYPE"],
    ["a negative port", { port: -1 }, "ERR_SOCKET_BAD_PORT"],
    ["a port above 65535", { port: 65_536 }, "ERR_SOCKET_BAD_PORT"],
    ["a fractional port", { port: 80.5 }, "ERR_SOCKET_BAD_PORT"],
    ["a port that is NaN", { port: Number.NaN }, "ERR_SOCKET_BAD_PORT"],
    ["a host that is no string", { port: 80, host: 127 }, "ERR_INVALID_ARG_TYPE"],
    ["an empty host", { port: 80, host: "" }, "ERR_INVALID_ARG_VALUE"],
    ["a family that does not exist", { port: 80, family: 5 }, "ERR_INVALID_ARG_VALUE"],
    ["a local port out of range", { port: 80, localPort: 70_000 }, "ERR_SOCKET_BAD_PORT"],
    ["a local address that is no IP address", { port: 80, localAddress: "here" }, "ERR_INVALID_ARG_VALUE"],
    ["a negative timeout", { port: 80, timeout: -1 }, "ERR_OUT_OF_RANGE"],
    ["a timeout that is no number", { port: 80, timeout: "1s" }, "ERR_INVALID_ARG_TYPE"],
    ["a negative attemptDelay", { port: 80, attemptDelay: -5 }, "ERR_OUT_OF_RANGE"],
    ["noDelay that is no boolean", { port: 80, noDelay: "yes" }, "ERR_INVALID_ARG_TYPE"],
    ["a buffer size of 0", { port: 80, sendBufferSize: 0 }, "ERR_OUT_OF_RANGE"],
    ["a signal that is none", { port: 80, signal: "stop" }, "ERR_INVALID_ARG_TYPE"],
    ["a completion port that is none", { port: 80, completionPort: {} }, "ERR_INVALID_ARG_TYPE"],
    ["an unknown option", { port: 80, hots: "127.0.0.1" }, "ERR_INVALID_ARG_VALUE"],
  ])("such as %s rejects, never throws", async (_, options, code) => {
    const before = CompletionPort.default.stats().handles;
    const error = await failure(connect(options as ConnectOptions), code);
    expect(error.message.length).toBeGreaterThan(20);
    expect(CompletionPort.default.stats().handles).toBe(before);
  });

  it.each<[string, unknown, string]>([
    ["handlers that are no object", "data", "ERR_INVALID_ARG_TYPE"],
    ["a handler that is no function", { data: 5 }, "ERR_INVALID_ARG_TYPE"],
    ["an unknown handler", { message() {} }, "ERR_INVALID_ARG_VALUE"],
  ])("such as %s rejects, never throws", async (_, handlers, code) => {
    await using scope = new Scope();
    const server = await netServer(scope);
    await failure(connect({ host: "127.0.0.1", port: server.port }, handlers as never), code);
  });
});
