import { AsyncLocalStorage } from "node:async_hooks";
import { CompletionPort, connect, listen, type SocketHandlers, type TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { pattern, receive } from "../support/bytes.js";
import { narrow, netClient, netServer, pair, STALLING_SIZE } from "../support/peers.js";
import { Controlled, echoListener } from "../support/push.js";
import { Recorder } from "../support/recorder.js";
import { Scope } from "../support/scope.js";
import { deferred, turns, until } from "../support/wait.js";

type Seen = [event: string, store: string | undefined][];

/** Handlers that note in which context they are called. */
function noting(storage: AsyncLocalStorage<string>, seen: Seen, without: "end"[] = []): Recorder {
  const note = (name: string) => () => void seen.push([name, storage.getStore()]);
  const names = ["open", "data", "drain", "end", "error", "close"];
  const handlers: SocketHandlers = Object.fromEntries(names.map((name) => [name, note(name)]));
  return new Recorder(handlers, without);
}

describe("the async context (AsyncLocalStorage) of", () => {
  it("a listener's handlers is that of the call of listen()", async () => {
    await using scope = new Scope();
    const storage = new AsyncLocalStorage<string>();
    const seen: Seen = [];
    const recorder = noting(storage, seen);
    const listener = await storage.run("listen", () =>
      listen({ ...narrow, host: "127.0.0.1" }, recorder.handlers),
    );
    scope.use(listener);
    await storage.run("elsewhere", async () => {
      const peer = await netClient(scope, listener.address.port);
      const { source } = await recorder.next("open");
      const socket = source as TcpSocket;
      await peer.write("x");
      await recorder.next("data");
      expect(socket.write(pattern(STALLING_SIZE))).toBe(false);
      await Promise.all([peer.read(STALLING_SIZE), recorder.next("drain")]);
      await peer.end();
      await recorder.next("end");
      await peer.reset();
      void socket.close();
      await recorder.next("close");
      const second = await netClient(scope, listener.address.port);
      await recorder.next("open", 2);
      await second.reset();
      await recorder.next("close", 2);
    });
    const names = new Set(seen.map(([name]) => name));
    expect(names).toEqual(new Set(["open", "data", "drain", "end", "error", "close"]));
    for (const [name, store] of seen) expect(store, name).toBe("listen");
  });

  it("a connection's handlers is that of the call of connect()", async () => {
    await using scope = new Scope();
    const storage = new AsyncLocalStorage<string>();
    for (const ending of ["end", "reset"] as const) {
      const seen: Seen = [];
      const recorder = noting(storage, seen);
      const server = await netServer(scope);
      const connecting = storage.run("connect", () =>
        connect({ ...narrow, host: "127.0.0.1", port: server.port }, recorder.handlers),
      );
      await storage.run("elsewhere", async () => {
        const [socket, peer] = await Promise.all([connecting, server.accept()]);
        expect(storage.getStore()).toBe("elsewhere");
        await peer.write("x");
        await recorder.next("data");
        socket.write(pattern(STALLING_SIZE));
        await Promise.all([peer.read(STALLING_SIZE), recorder.next("drain")]);
        await peer[ending]();
        await recorder.next(ending === "end" ? "end" : "error");
        void socket.close();
        await recorder.next("close");
      });
      expect(seen.map(([name]) => name)).toContain(ending === "end" ? "end" : "error");
      for (const [name, store] of seen) expect(store, name).toBe("connect");
    }
  });

  it("shortage is that of the call of listen()", async () => {
    await using scope = new Scope();
    const server = await Controlled.start(scope, "push_shortage.mjs", ["push"]);
    const port = await server.report<number>("port");
    const peers = Array.from({ length: 150 }, () => netClient(scope, port));
    await server.report("shortage");
    for (const peer of peers) void peer.then((its) => its.end());
    // Its end, too.
    await server.report("shortage");
    for (const report of server.reports) {
      if ("shortage" in report) expect(report.context).toBe("the listener's");
    }
    await Promise.all(peers);
    await server.tell("quit");
    await server.ended();
  });

  it("data that were kept while paused is not that of the call of resume()", async () => {
    await using scope = new Scope();
    const storage = new AsyncLocalStorage<string>();
    const seen: Seen = [];
    const recorder = noting(storage, seen, ["end"]);
    const server = await netServer(scope);
    const socket = await storage.run("connect", () =>
      connect({ host: "127.0.0.1", port: server.port }, recorder.handlers),
    );
    const peer = await server.accept();
    // Both in one tick: what has come by then is kept in JavaScript.
    await peer.write("one");
    await recorder.next("data");
    await peer.write("two");
    socket.pause();
    await turns();
    await peer.end();
    await turns();
    storage.run("resume", () => socket.resume());
    await recorder.next("close");
    for (const [name, store] of seen) expect(store, name).toBe("connect");
  });

  it("an operation's callback is that of the call of operation(), for all it is submitted for", async () => {
    await using scope = new Scope();
    const storage = new AsyncLocalStorage<string>();
    const { client, server } = await pair(scope);
    const listener = scope.use(await listen({ host: "127.0.0.1" }));
    const seen: Seen = [];
    let done = deferred<unknown>();
    const operation = storage.run("operation", () =>
      CompletionPort.default.operation((_, result) => {
        seen.push(["completion", storage.getStore()]);
        done.resolve(result);
      }),
    );
    const submissions = [
      () => operation.timer(1),
      () => operation.send(client, "hello"),
      () => operation.recv(server, new Uint8Array(5)),
      () => operation.accept(listener),
      () => {
        operation.timer(100_000);
        operation.cancel();
      },
    ];
    await storage.run("submission", async () => {
      const peer = netClient(scope, listener.address.port);
      for (const submit of submissions) {
        done = deferred();
        submit();
        const result = await done.promise;
        if (typeof result === "object") scope.use(result as TcpSocket);
      }
      await peer;
    });
    expect(seen).toEqual(submissions.map(() => ["completion", "operation"]));
  });

  it("a posted listener is that of the call of on(), each its own", async () => {
    await using port = new CompletionPort();
    const storage = new AsyncLocalStorage<string>();
    const seen: Seen = [];
    for (const name of ["first", "second"]) {
      storage.run(name, () => port.on("posted", () => void seen.push([name, storage.getStore()])));
    }
    storage.run("post", () => port.post("hello"));
    await until(() => seen.length === 2);
    // Packets that waited for a listener.
    await using other = new CompletionPort();
    storage.run("post", () => other.post("waits"));
    await turns();
    storage.run("third", () => other.on("posted", () => void seen.push(["third", storage.getStore()])));
    await until(() => seen.length === 3);
    for (const [name, store] of seen) expect(store).toBe(name);
  });

  it("what awaits in pull style is its own", async () => {
    await using scope = new Scope();
    const storage = new AsyncLocalStorage<string>();
    const listener = scope.use(await listen({ host: "127.0.0.1" }));
    await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const its = `connection ${index}`;
        const check = () => expect(storage.getStore()).toBe(its);
        await storage.run(its, async () => {
          const [server, client] = await Promise.all([
            listener.accept(),
            connect({ host: "127.0.0.1", port: listener.address.port }),
          ]);
          check();
          for (let round = 0; round < 3; round++) {
            await client.send("x");
            check();
            await server.recv({ size: 1 }).catch(() => {});
            check();
          }
          await client.shutdown();
          check();
          for await (const _ of server) check();
          check();
          await client.drained();
          check();
          await Promise.all([client.close(), server.close()]);
          check();
        });
      }),
    );
    expect(storage.getStore()).toBeUndefined();
  });
});

describe("what a handler does to its context (enterWith)", () => {
  const count = 100;

  it("is seen by no other connection's handlers, nor by its own next one, nor outside", async () => {
    await using scope = new Scope();
    const storage = new AsyncLocalStorage<string>();
    const seen: Seen = [];
    const foreign: string[] = [];
    const enter = (name: string, socket?: TcpSocket) => {
      seen.push([name, storage.getStore()]);
      storage.enterWith(`${name} of ${(socket?.data as number) ?? "nobody"}`);
    };
    let opened = 0;
    const listener = await storage.run("listen", () =>
      listen(
        { host: "127.0.0.1" },
        {
          open(socket) {
            socket.data = ++opened;
            enter("open", socket);
          },
          async data(socket, chunk) {
            enter("data", socket);
            const mine = storage.getStore();
            socket.write(chunk);
            await turns(2);
            // What goes on from the handler has its own, for as long as it lasts.
            if (storage.getStore() !== mine) foreign.push(`${mine} became ${storage.getStore()}`);
          },
          end(socket) {
            enter("end", socket);
            void socket.close();
          },
          close: (socket) => enter("close", socket),
        },
      ),
    );
    scope.use(listener);
    const port = CompletionPort.default;
    let timers = 0;
    const timer = storage.run("timer", () =>
      port.operation((error) => {
        if (error) return;
        enter("timer");
        timers++;
        timer.timer(1);
      }),
    );
    timer.timer(1);
    const posted = () => enter("posted");
    storage.run("posted", () => port.on("posted", posted));
    const peers = await Promise.all(
      Array.from({ length: count }, () => netClient(scope, listener.address.port)),
    );
    // All at once, so that many are told in one batch.
    for (let round = 0; round < 3; round++) {
      await Promise.all(peers.map((peer) => peer.write("ping")));
      await Promise.all(peers.map((peer) => peer.read(4)));
      port.post("hello");
      expect(storage.getStore()).toBeUndefined();
    }
    await until(() => timers > 3);
    await Promise.all(peers.map((peer) => peer.end()));
    await until(() => seen.filter(([name]) => name === "close").length === count);
    port.off("posted", posted);
    timer.cancel();
    await until(() => !timer.pending);
    const own: Record<string, string> = { timer: "timer", posted: "posted" };
    const wrong = seen.filter(([name, store]) => store !== (own[name] ?? "listen"));
    expect(wrong).toEqual([]);
    expect(foreign).toEqual([]);
    expect(storage.getStore()).toBeUndefined();
    for (const name of ["open", "data", "end", "close", "timer", "posted"])
      expect(seen.map(([its]) => its)).toContain(name);
  });

  it("in a client's handlers is seen by no other client's", async () => {
    await using scope = new Scope();
    const storage = new AsyncLocalStorage<string>();
    const echo = await echoListener(scope);
    const wrong: string[] = [];
    const left = Array.from({ length: count }, () => 3);
    const clients = await Promise.all(
      left.map((_, index) =>
        storage.run(`client ${index}`, () =>
          connect(
            { host: "127.0.0.1", port: echo.address.port },
            {
              open: () => storage.enterWith(`opened by ${index}`),
              data(socket) {
                const store = storage.getStore();
                if (store !== `client ${index}`) wrong.push(`client ${index}: ${store}`);
                storage.enterWith(`entered by ${index}`);
                if (--left[index]! > 0) socket.write("again");
              },
            },
          ),
        ),
      ),
    );
    for (const client of clients) client.write("again");
    await until(() => left.every((rounds) => rounds <= 0));
    expect(wrong).toEqual([]);
    await Promise.all(clients.map((client) => client.close()));
  });

  it("before anything was given is what is given; afterwards it changes nothing", async () => {
    await using scope = new Scope();
    const storage = new AsyncLocalStorage<string>();
    const seen: Seen = [];
    const recorder = noting(storage, seen, ["end"]);
    const open = async () => {
      storage.enterWith("before");
      const listening = listen({ host: "127.0.0.1" }, recorder.handlers);
      storage.enterWith("after");
      return scope.use(await listening);
    };
    const listener = await storage.run("test", open);
    const client = await connect({ host: "127.0.0.1", port: listener.address.port });
    await client.send("x");
    await recorder.next("data");
    await client.close();
    await recorder.next("close");
    for (const [name, store] of seen) expect(store, name).toBe("before");
    expect(seen.length).toBeGreaterThanOrEqual(3);
  });

  it("is not seen by the next completion of the same operation", async () => {
    await using scope = new Scope();
    const storage = new AsyncLocalStorage<string>();
    const { client, server } = await pair(scope);
    const seen: (string | undefined)[] = [];
    const operation = storage.run("operation", () =>
      CompletionPort.default.operation(() => {
        seen.push(storage.getStore());
        storage.enterWith("entered");
        if (seen.length < 5) operation.send(client, "x");
      }),
    );
    operation.send(client, "x");
    await receive(server, 5);
    await until(() => seen.length === 5);
    expect(seen).toEqual(Array.from({ length: 5 }, () => "operation"));
  });
});
