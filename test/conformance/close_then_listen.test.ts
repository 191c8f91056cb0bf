import { CompletionPort, connect, listen, type TcpListener } from "portside";
import { describe, expect, it } from "vitest";
import { Scope } from "../support/scope.js";
import { deferred } from "../support/wait.js";

const host = "127.0.0.1";

async function open(scope: Scope): Promise<{ listener: TcpListener; port: number }> {
  const listener = scope.use(await listen({ host }));
  return { listener, port: listener.address.port };
}

/** What every place below does: no waiting between the two calls. */
function again(scope: Scope, listener: { close(): Promise<void> }, port: number): Promise<TcpListener> {
  void listener.close();
  return listen({ host, port }).then((next) => scope.use(next));
}

async function works(next: TcpListener): Promise<void> {
  const [server, client] = await Promise.all([next.accept(), connect({ host, port: next.address.port })]);
  await client.send("x");
  expect(await server.recv()).toHaveLength(1);
  await Promise.all([client.close(), server.close()]);
}

describe("close() and, without waiting, listen() on the same port works", () => {
  it("from the top level of a test", async () => {
    await using scope = new Scope();
    const { listener, port } = await open(scope);
    await works(await again(scope, listener, port));
  });

  it("again and again", async () => {
    await using scope = new Scope();
    let { listener, port } = await open(scope);
    for (let round = 0; round < 20; round++) listener = await again(scope, listener, port);
    await works(listener);
  });

  it("from a promise's continuation", async () => {
    await using scope = new Scope();
    const { listener, port } = await open(scope);
    const client = connect({ host, port });
    const next = await listener.accept().then((socket) => {
      scope.use(socket);
      return again(scope, listener, port);
    });
    scope.use(await client);
    await works(next);
  });

  it.each(["setImmediate", "setTimeout", "queueMicrotask", "nextTick"] as const)("from %s", async (way) => {
    await using scope = new Scope();
    const { listener, port } = await open(scope);
    const next = deferred<TcpListener>();
    const body = () => again(scope, listener, port).then(next.resolve, next.reject);
    if (way === "setImmediate") setImmediate(body);
    else if (way === "setTimeout") setTimeout(body, 1);
    else if (way === "queueMicrotask") queueMicrotask(body);
    else process.nextTick(body);
    await works(await next.promise);
  });

  it("from a handler", async () => {
    await using scope = new Scope();
    const next = deferred<TcpListener>();
    const listener: TcpListener = scope.use(
      await listen(
        { host },
        {
          data(socket) {
            again(scope, listener, listener.address.port).then(next.resolve, next.reject);
            void socket.close();
          },
        },
      ),
    );
    const client = scope.use(await connect({ host, port: listener.address.port }));
    await client.send("close and listen");
    await works(await next.promise);
  });

  it("from an operation's callback and a posted value's", async () => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort());
    const first = await open(scope);
    const next = deferred<TcpListener>();
    port.on("posted", () => {
      again(scope, first.listener, first.port).then(next.resolve, next.reject);
    });
    port.post("now");
    const second = await next.promise;
    await works(second);
    const last = deferred<TcpListener>();
    const timer = port.operation(() => {
      again(scope, second, first.port).then(last.resolve, last.reject);
    });
    timer.timer(1);
    await works(await last.promise);
  });

  it("on another completion port", async () => {
    await using scope = new Scope();
    const own = scope.use(new CompletionPort());
    const { listener, port } = await open(scope);
    void listener.close();
    const next = scope.use(await listen({ host, port, completionPort: own }));
    await works(next);
  });

  it("on another completion port, from a handler", async () => {
    await using scope = new Scope();
    const own = scope.use(new CompletionPort());
    const next = deferred<TcpListener>();
    const listener: TcpListener = scope.use(
      await listen(
        { host },
        {
          data() {
            const { port } = listener.address;
            void listener.close();
            listen({ host, port, completionPort: own }).then(next.resolve, next.reject);
          },
        },
      ),
    );
    const client = scope.use(await connect({ host, port: listener.address.port }));
    await client.send("close and listen");
    await works(scope.use(await next.promise));
  });

  it("when a signal closes the listener", async () => {
    await using scope = new Scope();
    const controller = new AbortController();
    const listener = scope.use(await listen({ host, signal: controller.signal }));
    const { port } = listener.address;
    controller.abort();
    await works(scope.use(await listen({ host, port })));
  });
});
