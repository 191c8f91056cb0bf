import { CompletionPort, connect, type IpAddress, listen, type TcpListener } from "portside";
import { describe, expect, it } from "vitest";
import { receive } from "../support/bytes.js";
import { failure } from "../support/failure.js";
import { resolveNames } from "../support/names.js";
import { hasIpv6, netClient, netServer, onFreePort, refusingPort } from "../support/peers.js";
import { echoListener, pushAccepted, roundTrip } from "../support/push.js";
import { Recorder } from "../support/recorder.js";
import { Scope } from "../support/scope.js";
import { until } from "../support/wait.js";

const families = [
  { family: "IPv4" as const, host: "127.0.0.1" },
  ...(hasIpv6 ? [{ family: "IPv6" as const, host: "::1" }] : []),
];

/** Connects and sees an echo, so that both ends are known to belong together. */
async function echoes(scope: Scope, host: string, port: number): Promise<void> {
  const socket = scope.use(await connect({ host, port }));
  await socket.send("echo?");
  expect((await receive(socket, 5)).toString()).toBe("echo?");
}

async function echoOn(scope: Scope, options: Parameters<typeof listen>[0]): Promise<TcpListener> {
  return scope.use(await listen(options, { data: (socket, chunk) => void socket.write(chunk) }));
}

/** An echo server at a port that refuses every connect at the `refusing` address, whatever else runs here. */
async function echoOnlyOn(
  scope: Scope,
  options: Parameters<typeof listen>[0],
  refusing: string,
): Promise<TcpListener> {
  for (;;) {
    const port = await refusingPort(scope, refusing);
    try {
      return await echoOn(scope, { ...options, port });
    } catch (error) {
      if ((error as { code: string }).code !== "EADDRINUSE") throw error;
    }
  }
}

describe.each(families)("on $family", ({ family, host }) => {
  it("a listener says where it listens, with the port that the system chose", async () => {
    await using scope = new Scope();
    const listener = scope.use(await listen({ host }));
    expect(listener.address).toEqual({ address: host, family, port: expect.any(Number) });
    expect(listener.address.port).toBeGreaterThan(0);
  });

  it("two listeners on port 0 get different ports", async () => {
    await using scope = new Scope();
    const first = scope.use(await listen({ host }));
    const second = scope.use(await listen({ host, port: 0 }));
    expect(first.address.port).not.toBe(second.address.port);
  });

  it("both ends agree on their addresses, in pull style", async () => {
    await using scope = new Scope();
    const listener = scope.use(await listen({ host }));
    const { port } = listener.address;
    const [server, client] = await Promise.all([listener.accept(), connect({ host, port })]);
    scope.use(server);
    scope.use(client);
    expect(client.remoteAddress).toEqual({ address: host, family, port });
    expect(server.localAddress).toEqual({ address: host, family, port });
    expect(client.localAddress).toEqual({ address: host, family, port: expect.any(Number) });
    expect(server.remoteAddress).toEqual(client.localAddress);
  });

  it("both ends agree on their addresses, in push style", async () => {
    await using scope = new Scope();
    const seen = new Map<string, (IpAddress | undefined)[]>();
    const see = (name: string) => ({
      open(socket: { localAddress: IpAddress | undefined; remoteAddress: IpAddress | undefined }) {
        seen.set(name, [socket.localAddress, socket.remoteAddress]);
      },
    });
    const listener = scope.use(await listen({ host }, see("server")));
    scope.use(await connect({ host, port: listener.address.port }, see("client")));
    await until(() => seen.size === 2);
    expect(seen.get("client")).toEqual([...seen.get("server")!].reverse());
    expect(seen.get("server")![0]).toEqual(listener.address);
  });

  it("node:net sees the same addresses from the other side", async () => {
    await using scope = new Scope();
    const server = await netServer(scope, host);
    const [peer, socket] = await Promise.all([server.accept(), connect({ host, port: server.port })]);
    scope.use(socket);
    expect(socket.localAddress).toEqual({
      address: peer.socket.remoteAddress,
      family,
      port: peer.socket.remotePort,
    });
    expect(socket.remoteAddress).toEqual({
      address: peer.socket.localAddress,
      family,
      port: peer.socket.localPort,
    });
  });

  it("a connect uses the local address and port it is given", async () => {
    await using scope = new Scope();
    const server = await netServer(scope, host);
    const { opened: socket, port: localPort } = await onFreePort(host, (localPort) =>
      connect({ host, port: server.port, localAddress: host, localPort }),
    );
    scope.use(socket);
    expect(socket.localAddress).toEqual({ address: host, family, port: localPort });
    expect((await server.accept()).socket.remotePort).toBe(localPort);
  });

  it("a connect may choose its port only", async () => {
    await using scope = new Scope();
    const server = await netServer(scope, host);
    const { opened: socket, port: localPort } = await onFreePort(host, (localPort) =>
      connect({ host, port: server.port, localPort }),
    );
    scope.use(socket);
    expect(socket.localAddress).toEqual({ address: host, family, port: localPort });
    expect((await server.accept()).socket.remotePort).toBe(localPort);
  });

  it("a listener takes the port that another one has just left", async () => {
    await using scope = new Scope();
    const first = await listen({ host });
    const { port } = first.address;
    const [server, client] = await Promise.all([first.accept(), connect({ host, port })]);
    // The side that closes first keeps the address in TIME_WAIT: that must not matter to a listener.
    await server.close();
    expect(await client.recv()).toBeNull();
    await client.close();
    await first.close();
    const second = await echoOn(scope, { host, port });
    expect(second.address.port).toBe(port);
    await echoes(scope, host, port);
  });

  it("a name leads there", async () => {
    await using scope = new Scope();
    resolveNames(scope, { "service.test": [host] });
    const listener = await echoOn(scope, { host: "service.test" });
    expect(listener.address).toMatchObject({ address: host, family });
    await echoes(scope, "service.test", listener.address.port);
  });
});

describe("the address of a closed socket", () => {
  it("can be asked for without an exception, in the close handler and later", async () => {
    await using scope = new Scope();
    const seen: unknown[] = [];
    const recorder = new Recorder({
      close: (socket) => void seen.push(socket.localAddress, socket.remoteAddress),
    });
    const { socket, peer } = await pushAccepted(scope, recorder);
    await peer.reset();
    await recorder.next("close");
    seen.push(socket.localAddress, socket.remoteAddress);
    expect(seen).toHaveLength(4);
  });
});

describe("a listener without a host", () => {
  it("takes connections over IPv4", async () => {
    await using scope = new Scope();
    const listener = await echoOn(scope, {});
    await roundTrip(await netClient(scope, listener.address.port, "127.0.0.1"));
  });

  it.skipIf(!hasIpv6)("takes connections over IPv6 and IPv4 (this needs ::1)", async () => {
    await using scope = new Scope();
    const listener = await echoOn(scope, {});
    expect(listener.address).toMatchObject({ address: "::", family: "IPv6" });
    await echoes(scope, "::1", listener.address.port);
    await echoes(scope, "127.0.0.1", listener.address.port);
  });

  it.skipIf(!hasIpv6)("tells where an IPv4 client is (this needs ::1)", async () => {
    await using scope = new Scope();
    const recorder = new Recorder();
    const listener = scope.use(await listen({}, recorder.handlers));
    const peer = await netClient(scope, listener.address.port, "127.0.0.1");
    const socket = (await recorder.next("open")).source as { remoteAddress?: IpAddress };
    expect(socket.remoteAddress!.address).toMatch(/^(::ffff:)?127\.0\.0\.1$/);
    expect(socket.remoteAddress!.port).toBe(peer.socket.localPort);
    const { address, family } = socket.remoteAddress!;
    expect(family).toBe(address.includes(":") ? "IPv6" : "IPv4");
    await peer.end();
  });
});

describe.skipIf(!hasIpv6)("dual stack (this needs ::1)", () => {
  it("is what '::' is", async () => {
    await using scope = new Scope();
    const listener = await echoOn(scope, { host: "::" });
    await echoes(scope, "::1", listener.address.port);
    await echoes(scope, "127.0.0.1", listener.address.port);
  });

  it("is off with ipv6Only", async () => {
    await using scope = new Scope();
    const listener = await echoOnlyOn(scope, { host: "::", ipv6Only: true }, "127.0.0.1");
    const { port } = listener.address;
    await echoes(scope, "::1", port);
    await failure(connect({ host: "127.0.0.1", port }), "ECONNREFUSED");
  });

  it("with ipv6Only leaves the port to another listener on IPv4", async () => {
    await using scope = new Scope();
    // The same number has to be free in both families, so a few may have to be tried.
    let six: TcpListener;
    let four: TcpListener | undefined;
    do {
      six = await echoOn(scope, { host: "::", ipv6Only: true });
      const { port } = six.address;
      four = await echoOn(scope, { host: "0.0.0.0", port }).catch(() => undefined);
    } while (!four);
    await echoes(scope, "::1", six.address.port);
    await echoes(scope, "127.0.0.1", six.address.port);
  });

  it("says that its port is in use when only IPv6 has it: it never makes do with the other family", async () => {
    await using scope = new Scope();
    const six = scope.use(await listen({ host: "::", ipv6Only: true }));
    await failure(listen({ port: six.address.port }), "EADDRINUSE");
  });

  it("with ipv6Only false is what '::' is", async () => {
    await using scope = new Scope();
    const listener = await echoOn(scope, { host: "::", ipv6Only: false });
    await echoes(scope, "127.0.0.1", listener.address.port);
  });

  it("does not extend to a single IPv6 address", async () => {
    await using scope = new Scope();
    const listener = await echoOnlyOn(scope, { host: "::1" }, "127.0.0.1");
    await failure(connect({ host: "127.0.0.1", port: listener.address.port }), "ECONNREFUSED");
  });
});

describe("the spelling of an address", () => {
  it.skipIf(!hasIpv6)("does not matter: a long ::1 is ::1 (this needs ::1)", async () => {
    await using scope = new Scope();
    const listener = await echoOn(scope, { host: "0:0:0:0:0:0:0:1" });
    expect(listener.address).toMatchObject({ address: "::1", family: "IPv6" });
    await echoes(scope, "0000::0001", listener.address.port);
  });

  it.skipIf(!hasIpv6)("may be an IPv4 address in IPv6's clothes (this needs ::1)", async () => {
    await using scope = new Scope();
    const listener = await echoOn(scope, { host: "::" });
    await echoes(scope, "::ffff:127.0.0.1", listener.address.port);
  });

  it("may be 0.0.0.0 for all of IPv4", async () => {
    await using scope = new Scope();
    const listener = await echoOn(scope, { host: "0.0.0.0" });
    expect(listener.address).toMatchObject({ address: "0.0.0.0", family: "IPv4" });
    await echoes(scope, "127.0.0.1", listener.address.port);
  });
});

describe("happy eyeballs", () => {
  it.each(families)("reach localhost when only $family listens", async ({ host, family }) => {
    await using scope = new Scope();
    resolveNames(scope, { localhost: hasIpv6 ? ["::1", "127.0.0.1"] : ["127.0.0.1"] });
    const other = family === "IPv4" && hasIpv6 ? "::1" : undefined;
    const listener = await (other ? echoOnlyOn(scope, { host }, other) : echoOn(scope, { host }));
    // Refused is refused: the next address must not wait for attemptDelay.
    const socket = scope.use(await connect({ port: listener.address.port, attemptDelay: 60_000 }));
    expect(socket.remoteAddress!.address).toBe(host);
  });

  it.skipIf(!hasIpv6)("reach the last of many addresses of both families (this needs ::1)", async () => {
    await using scope = new Scope();
    const listener = await echoOn(scope, { host: "127.0.0.1" });
    resolveNames(scope, { "many.test": ["::1", "::1", "::1", "127.0.0.1"] });
    await echoes(scope, "many.test", listener.address.port);
  });

  it.skipIf(!hasIpv6)("leave one connection, although both families answer (this needs ::1)", async () => {
    await using scope = new Scope();
    const completionPort = scope.use(new CompletionPort());
    const listener = await echoOn(scope, { host: "::", completionPort });
    resolveNames(scope, { "both.test": ["::1", "127.0.0.1"] });
    const { port } = listener.address;
    const socket = await connect({ host: "both.test", port, attemptDelay: 10, completionPort });
    await socket.send("x");
    await receive(socket, 1);
    // The listener, the socket, and the server's: any other attempt is closed again.
    await until(() => completionPort.stats().handles === 3);
    await socket.close();
    await until(() => completionPort.stats().handles === 1);
  });

  it.skipIf(!hasIpv6)(
    "fail when every address refuses, and leave nothing behind (this needs ::1)",
    async () => {
      await using scope = new Scope();
      resolveNames(scope, { "nobody.test": ["::1", "127.0.0.1"] });
      const completionPort = scope.use(new CompletionPort());
      const port = await refusingPort(scope, "::1", "127.0.0.1");
      const error = await failure(connect({ host: "nobody.test", port, completionPort }), "ECONNREFUSED");
      expect(error.port).toBe(port);
      await until(() => completionPort.stats().handles === 0);
    },
  );

  it.skipIf(!hasIpv6)("stop at once when the signal is aborted (this needs ::1)", async () => {
    await using scope = new Scope();
    const completionPort = scope.use(new CompletionPort());
    const listener = await echoOn(scope, { host: "::", completionPort });
    resolveNames(scope, { "both.test": ["::1", "127.0.0.1"] });
    const controller = new AbortController();
    const { port } = listener.address;
    const connecting = failure(
      connect({ host: "both.test", port, signal: controller.signal, completionPort }),
      "ECANCELED",
    );
    controller.abort();
    await connecting;
    await until(() => completionPort.stats().handles === 1);
  });
});

describe.skipIf(!hasIpv6)("the family option (this needs ::1)", () => {
  it.each([
    [4 as const, "127.0.0.1"],
    [6 as const, "::1"],
  ])("%i takes only addresses of that family", async (family, address) => {
    await using scope = new Scope();
    resolveNames(scope, { "both.test": ["::1", "127.0.0.1"] });
    const listener = await echoOn(scope, { host: "::" });
    const socket = scope.use(await connect({ host: "both.test", port: listener.address.port, family }));
    expect(socket.remoteAddress!.address).toBe(address);
  });

  it("fails for a name that has no such address", async () => {
    await using scope = new Scope();
    resolveNames(scope, { "four.test": ["127.0.0.1"] });
    const listener = await echoListener(scope);
    await failure(connect({ host: "four.test", port: listener.address.port, family: 6 }), "ENOTFOUND");
  });

  it("refuses an address of the other family", async () => {
    await using scope = new Scope();
    const listener = await echoListener(scope);
    const error = await failure(connect({ host: "127.0.0.1", port: listener.address.port, family: 6 }));
    expect(error.message).toContain("127.0.0.1");
  });
});
