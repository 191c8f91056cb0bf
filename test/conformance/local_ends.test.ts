import { CompletionPort, connect, type LookupFunction, listen } from "portside";
import { describe, expect, it } from "vitest";
import { receive } from "../support/bytes.js";
import { failure } from "../support/failure.js";
import { hasIpv6, netServer, onFreePort } from "../support/peers.js";
import { Scope } from "../support/scope.js";
import { block, hops } from "../support/wait.js";

const host = "127.0.0.1";

describe.skipIf(!hasIpv6)("localAddress (this needs ::1)", () => {
  const both: LookupFunction = (_, { family }, callback) => {
    const all = [
      { address: "::1", family: 6 },
      { address: host, family: 4 },
    ];
    // As getaddrinfo does it, and as a careless function would.
    callback(null, family === 0 ? all : [...all].reverse());
  };

  it.each([host, "::1"])("%s leaves out addresses of the other family", async (localAddress) => {
    await using scope = new Scope();
    const server = await netServer(scope, localAddress);
    const socket = scope.use(
      await connect({ host: "both.test", port: server.port, localAddress, lookup: both }),
    );
    expect(socket.localAddress!.address).toBe(localAddress);
    expect(socket.remoteAddress!.address).toBe(localAddress);
  });

  it("asks the resolver for its own family only", async () => {
    await using scope = new Scope();
    const server = await netServer(scope);
    const asked: number[] = [];
    const lookup: LookupFunction = (_, { family }, callback) => {
      asked.push(family);
      callback(null, host, 4);
    };
    scope.use(await connect({ host: "some.test", port: server.port, localAddress: host, lookup }));
    expect(asked).toEqual([4]);
  });

  it("of the other family than an address, or than options.family, is refused", async () => {
    await failure(connect({ host, port: 9, localAddress: "::1" }), "EAFNOSUPPORT");
    await failure(connect({ host: "::1", port: 9, localAddress: host }), "EAFNOSUPPORT");
    const options = { host: "some.test", port: 9, localAddress: host, family: 6 } as const;
    expect((await failure(connect(options), "ERR_INVALID_ARG_VALUE")).message).toContain("localAddress");
  });
});

describe("localPort", () => {
  it("can be used again at once", async () => {
    await using scope = new Scope();
    const server = await netServer(scope);
    const other = await netServer(scope);
    const { opened, port: localPort } = await onFreePort(host, (localPort) =>
      connect({ host, port: server.port, localAddress: host, localPort }),
    );
    // The side that closes first keeps the connection in TIME_WAIT.
    const peer = await server.accept();
    await opened.shutdown();
    await peer.end();
    await opened.recv();
    await opened.close();
    const again = scope.use(await connect({ host, port: other.port, localAddress: host, localPort }));
    expect(again.localAddress!.port).toBe(localPort);
    expect((await other.accept()).socket.remotePort).toBe(localPort);
  });

  it("serves connections to several peers at a time, where the system can", async () => {
    await using scope = new Scope();
    const [first, second] = [await netServer(scope), await netServer(scope)];
    const { opened, port: localPort } = await onFreePort(host, (localPort) =>
      connect({ host, port: first.port, localAddress: host, localPort }),
    );
    scope.use(opened);
    const connecting = connect({ host, port: second.port, localPort, localAddress: host });
    if (process.platform === "win32") return void (await failure(connecting, "EADDRINUSE"));
    const socket = scope.use(await connecting);
    const peers = [await first.accept(), await second.accept()];
    expect(peers.map((peer) => peer.socket.remotePort)).toEqual([localPort, localPort]);
    await peers[0]!.write("one");
    await peers[1]!.write("two");
    expect(String(await receive(opened, 3))).toBe("one");
    expect(String(await receive(socket, 3))).toBe("two");
    // To the same peer there is one connection from it, whatever the kernel calls that.
    const twice = { host, port: second.port, localAddress: host, localPort };
    await failure(connect(twice), "EADDRINUSE");
  });

  it("that a listener has is not taken from it", async () => {
    await using scope = new Scope();
    const server = await netServer(scope);
    const listener = scope.use(await listen({ host }));
    const localPort = listener.address.port;
    await failure(connect({ host, port: server.port, localAddress: host, localPort }), "EADDRINUSE");
  });
});

describe("close() and, without waiting, listen() on the same port", () => {
  it.each([
    ["with a host", { host }],
    ["without a host", {}],
  ])("%s works", async (_, where) => {
    await using scope = new Scope();
    let listener = await listen(where);
    const { port } = listener.address;
    for (let round = 0; round < 5; round++) {
      const closing = listener.close();
      listener = await listen({ ...where, port });
      await closing;
    }
    scope.use(listener);
    scope.use(await connect({ host, port }));
    scope.use(await listener.accept());
  });

  it("works in a handler, and with connections open", async () => {
    await using scope = new Scope();
    let listening: Promise<unknown> | undefined;
    const listener = await listen(
      {},
      {
        open(socket) {
          void listener.close();
          listening = listen({ port: listener.address.port }, {}).then((it) => scope.use(it));
          scope.use(socket);
        },
      },
    );
    const { port } = listener.address;
    scope.use(await connect({ host, port }));
    while (!listening) await new Promise<void>((resolve) => setTimeout(resolve, 1));
    await listening;
    scope.use(await connect({ host, port }));
  });

  it("works on another completion port, and after the port's own close", async () => {
    await using scope = new Scope();
    const first = new CompletionPort();
    const listener = await listen({ completionPort: first });
    const { port } = listener.address;
    void listener.close();
    const second = new CompletionPort();
    const next = await listen({ port, completionPort: second });
    expect(next.address.port).toBe(port);
    void second.close();
    scope.use(await listen({ port }));
    await first.close();
    await second.close();
  });

  it("works with clients that nobody has accepted", async () => {
    await using scope = new Scope();
    const listener = await listen({});
    const { port } = listener.address;
    for (let count = 0; count < 5; count++) scope.use(await connect({ host, port }));
    await hops();
    block(20);
    void listener.close();
    scope.use(await listen({ port }));
  });
});
