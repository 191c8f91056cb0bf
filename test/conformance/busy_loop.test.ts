import { CompletionPort, connect, listen, type Operation } from "portside";
import { describe, expect, it } from "vitest";
import { failure } from "../support/failure.js";
import { resolveNames } from "../support/names.js";
import { hasIpv6, netServer, stalledEndpoint } from "../support/peers.js";
import { Scope } from "../support/scope.js";
import { block, hops, until } from "../support/wait.js";

/** Timers that begin anew whenever they end: more of them than a batch has places. */
function busyPort(scope: Scope): CompletionPort {
  const port = scope.use(new CompletionPort({ batch: 2, polls: 1 }));
  const again = (error: unknown, _: unknown, operation: Operation): void => {
    if (!error && !port.closed) operation.timer(0);
  };
  for (let count = 0; count < 8; count++) port.operation(again).timer(0);
  return port;
}

describe("a connect with a time-out, while the program keeps the loop busy for longer", () => {
  it("succeeds if the connection stands", async () => {
    await using scope = new Scope();
    const server = await netServer(scope);
    const connecting = connect({ host: "127.0.0.1", port: server.port, timeout: 50 });
    await hops();
    block(130);
    const socket = scope.use(await connecting);
    await socket.send("in time");
    expect((await (await server.accept()).read(7)).toString()).toBe("in time");
  });

  it("succeeds if the connection stands, on a port with full batches too", async () => {
    await using scope = new Scope();
    const server = await netServer(scope);
    const completionPort = busyPort(scope);
    const connecting = connect({ host: "127.0.0.1", port: server.port, timeout: 50, completionPort });
    await hops();
    block(130);
    const socket = scope.use(await connecting);
    expect(socket.remoteAddress!.port).toBe(server.port);
  });

  it("succeeds in push style, and its handlers receive", async () => {
    await using scope = new Scope();
    const server = await netServer(scope);
    const seen: string[] = [];
    const connecting = connect(
      { host: "127.0.0.1", port: server.port, timeout: 50 },
      { open: () => void seen.push("open"), data: (_, chunk) => void seen.push(String(chunk)) },
    );
    await hops();
    block(130);
    scope.use(await connecting);
    await (await server.accept()).write("1");
    await until(() => seen.length === 2);
    expect(seen).toEqual(["open", "49"]);
  });

  it("succeeds if its name was looked up and the connection stands", async () => {
    await using scope = new Scope();
    const server = await netServer(scope);
    const connecting = connect({
      host: "somewhere.test",
      port: server.port,
      timeout: 50,
      lookup: (_, __, callback) => void setImmediate(callback, null, "127.0.0.1", 4),
    });
    await hops();
    block(130);
    scope.use(await connecting);
  });

  it("fails with the kernel's answer if that has come", async () => {
    await using scope = new Scope();
    const server = await netServer(scope);
    const { port } = server;
    server.close();
    await until(() => true);
    const connecting = failure(
      connect({ host: "127.0.0.1", port, timeout: 50 }),
      /^(ECONNREFUSED|ETIMEDOUT)$/,
    );
    await hops();
    block(130);
    const error = await connecting;
    // Winsock asks more than once before it takes a refusal for one.
    if (process.platform !== "win32") expect(error.code).toBe("ECONNREFUSED");
  });

  it("still fails with ETIMEDOUT if nobody has answered, and leaves nothing behind", async () => {
    await using scope = new Scope();
    const completionPort = scope.use(new CompletionPort());
    const stalled = await stalledEndpoint(scope);
    const connecting = failure(connect({ ...stalled, timeout: 50, completionPort }), "ETIMEDOUT");
    await hops();
    block(130);
    await connecting;
    expect(completionPort.stats()).toMatchObject({ handles: 0, connected: 0 });
  });
});

describe("the next address of a connect", () => {
  it.skipIf(!hasIpv6)(
    "is not tried when the first one stands, however busy the loop was (needs ::1)",
    async () => {
      await using scope = new Scope();
      resolveNames(scope, { "both.test": ["127.0.0.1", "::1"] });
      const serverPort = scope.use(new CompletionPort());
      const four = scope.use(await listen({ host: "127.0.0.1", completionPort: serverPort }));
      const { port } = four.address;
      const six = await listen({ host: "::1", port, completionPort: serverPort }, {}).then(
        (listener) => scope.use(listener),
        () => undefined, // somebody has that port: nobody answers either
      );
      const completionPort = scope.use(new CompletionPort());
      const connecting = connect({ host: "both.test", port, attemptDelay: 10, completionPort });
      // The look-up of these tests takes until the next tick.
      await new Promise<void>((resolve) => process.nextTick(resolve));
      await hops();
      block(100);
      const socket = scope.use(await connecting);
      expect(socket.remoteAddress!.address).toBe("127.0.0.1");
      scope.use(await four.accept());
      await new Promise<void>((resolve) => setTimeout(resolve, 50));
      if (six) expect(serverPort.stats().accepted).toBe(1);
    },
  );
});

describe("the time-outs of a connect", () => {
  it("do not depend on the global timers", async () => {
    await using scope = new Scope();
    const { host, port } = await stalledEndpoint(scope);
    const { setTimeout: original, clearTimeout: originalClear } = globalThis;
    Object.assign(globalThis, { setTimeout: () => 0, clearTimeout: () => {} });
    scope.defer(() => void Object.assign(globalThis, { setTimeout: original, clearTimeout: originalClear }));
    await failure(connect({ host, port, timeout: 30 }), "ETIMEDOUT");
  });

  it("hold no port back once the connect is over", async () => {
    await using scope = new Scope();
    const server = await netServer(scope);
    const completionPort = scope.use(new CompletionPort());
    const socket = scope.use(
      await connect({ host: "127.0.0.1", port: server.port, timeout: 60_000, completionPort }),
    );
    await until(() => completionPort.stats().operations === 0);
    await socket.close();
  });
});
