import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { CompletionPort, connect, listen, type TcpListener, type TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { pattern } from "../support/bytes.js";
import { type NetPeer, netClient, pair } from "../support/peers.js";
import { Bystander, flood, roundTrip } from "../support/push.js";
import { Scope } from "../support/scope.js";
import { event, until } from "../support/wait.js";

interface Load {
  readonly port: CompletionPort;
  readonly listener: TcpListener;
  /** Calls of the busy sockets' data handlers so far. */
  calls(): number;
  /** How many calls each busy socket has had. */
  readonly each: Map<TcpSocket, number>;
}

/** A port of its own with a listener that discards, and clients in a thread that send as fast as they can. */
async function load(
  scope: Scope,
  clients: number,
  options: { batch?: number; polls?: number } = {},
): Promise<Load> {
  const port = scope.use(new CompletionPort(options));
  let calls = 0;
  const each = new Map<TcpSocket, number>();
  const listener = await listen(
    { host: "127.0.0.1", completionPort: port, borrow: true },
    {
      open: (socket) => void each.set(socket, 0),
      data(socket) {
        calls++;
        each.set(socket, each.get(socket)! + 1);
      },
    },
  );
  await flood(scope, listener.address.port, clients);
  await until(() => each.size === clients && calls > 0);
  return { port, listener, calls: () => calls, each };
}

/** An echo client of a listener on the given port. */
async function echo(scope: Scope, port: CompletionPort): Promise<NetPeer> {
  const listener = await listen(
    { host: "127.0.0.1", completionPort: port },
    { data: (socket, chunk) => void socket.write(chunk) },
  );
  return netClient(scope, listener.address.port);
}

/** Where a thread listens that reads whatever comes as fast as it can. */
async function thirstyPort(scope: Scope): Promise<number> {
  const thread = new Worker(
    `const server = require("node:net").createServer((socket) => socket.on("error", () => {}).resume());
     server.listen(0, "127.0.0.1", () => {
       require("node:worker_threads").parentPort.postMessage(server.address().port);
     });`,
    { eval: true },
  );
  scope.defer(() => thread.terminate());
  return event<number>(thread, "message");
}

/** More than a fair engine lets pass while others have 20 turns, and less than a second's. */
const mostSends = 400_000;

const next = {
  immediate: () => new Promise<void>((resolve) => setImmediate(resolve)),
  timer: () => new Promise<void>((resolve) => setTimeout(resolve, 5)),
};

describe("under the load of sockets that are never quiet", () => {
  it.each([1, 20])("(%i of them) another connection has its round trips", async (clients) => {
    await using scope = new Scope();
    const busy = await load(scope, clients);
    const peer = await echo(scope, busy.port);
    const before = busy.calls();
    for (let round = 0; round < 50; round++) await roundTrip(peer, `round ${round}`);
    expect(busy.calls()).toBeGreaterThan(before);
  });

  it("all of them have their share", async () => {
    await using scope = new Scope();
    const busy = await load(scope, 30);
    await until(() => Math.min(...busy.each.values()) >= 20);
  });

  it("new connections are accepted", async () => {
    await using scope = new Scope();
    const busy = await load(scope, 10);
    for (let round = 0; round < 10; round++) {
      const peer = await echo(scope, busy.port);
      await roundTrip(peer);
    }
  });

  it("another port of the same thread has its turns", async () => {
    await using scope = new Scope();
    const busy = await load(scope, 10);
    const other = scope.use(new CompletionPort());
    const peer = await echo(scope, other);
    const before = busy.calls();
    for (let round = 0; round < 50; round++) await roundTrip(peer);
    expect(busy.calls()).toBeGreaterThan(before);
  });

  it("Node's timers go on", async () => {
    await using scope = new Scope();
    const busy = await load(scope, 10);
    const before = busy.calls();
    for (let round = 0; round < 50; round++) await next.timer();
    expect(busy.calls()).toBeGreaterThan(before);
  });

  it("setImmediate goes on", async () => {
    await using scope = new Scope();
    const busy = await load(scope, 10);
    for (let round = 0; round < 300; round++) await next.immediate();
    await until(() => busy.calls() > 300);
  });

  it("file operations go on", async () => {
    await using scope = new Scope();
    const busy = await load(scope, 10);
    const before = busy.calls();
    const file = fileURLToPath(import.meta.url);
    for (let round = 0; round < 30; round++)
      expect(await readFile(file, "utf8")).toContain("file operations");
    await until(() => busy.calls() > before);
  });

  it("promises go on: what a handler resolves continues before the next turn of the loop", async () => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort());
    let handled = 0;
    let continued = 0;
    const behind: number[] = [];
    const listener = await listen(
      { host: "127.0.0.1", completionPort: port, borrow: true },
      {
        data() {
          handled++;
          Promise.resolve().then(() => {
            continued++;
          });
        },
      },
    );
    await flood(scope, listener.address.port, 5);
    for (let round = 0; round < 300 || handled < 300; round++) {
      await next.immediate();
      behind.push(handled - continued);
    }
    expect(Math.max(...behind)).toBe(0);
  });

  it("timers of the port itself go on", async () => {
    await using scope = new Scope();
    const busy = await load(scope, 10);
    const before = busy.calls();
    await new Promise<void>((resolve) => {
      let round = 0;
      busy.port
        .operation((error, _, operation) => {
          expect(error).toBeNull();
          if (++round === 30) resolve();
          else operation.timer(5);
        })
        .timer(5);
    });
    expect(busy.calls()).toBeGreaterThan(before);
  });

  it("posted values come", async () => {
    await using scope = new Scope();
    const busy = await load(scope, 10);
    const received: unknown[] = [];
    busy.port.on("posted", (value) => received.push(value));
    for (let value = 0; value < 50; value++) {
      busy.port.post(value);
      await until(() => received.length === value + 1);
    }
    expect(received).toEqual(Array.from({ length: 50 }, (_, value) => value));
  });

  it("sockets can be closed, by themselves and with their port", async () => {
    await using scope = new Scope();
    const busy = await load(scope, 10);
    const [first, ...others] = [...busy.each.keys()];
    await first!.close();
    const before = busy.each.get(first!);
    await Promise.all(others.slice(0, 4).map((socket) => socket.reset()));
    await busy.port.close();
    expect(busy.each.get(first!)).toBe(before);
    for (const socket of busy.each.keys()) expect(socket.closed).toBe(true);
  });
});

describe("the batch and polls options", () => {
  const count = 300;

  /** One message for each of 300 connections is there at once; `seen` is called in each data handler. */
  async function messages(scope: Scope, port: CompletionPort, seen: () => void): Promise<void> {
    let opened = 0;
    let received = 0;
    const listener = await listen(
      { host: "127.0.0.1", completionPort: port },
      {
        open: () => void opened++,
        data() {
          received++;
          seen();
        },
      },
    );
    const peers = await Promise.all(
      Array.from({ length: count }, () => netClient(scope, listener.address.port)),
    );
    await until(() => opened === count);
    await Promise.all(peers.map((peer) => peer.write("x")));
    await until(() => received === count);
  }

  it.each([1, 7, 64, 1024])("batch: %i bounds the completions of one call into JavaScript", async (batch) => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort({ batch }));
    const sizes = new Map<number, number>();
    await messages(scope, port, () => {
      const { batches } = port.stats();
      sizes.set(batches, (sizes.get(batches) ?? 0) + 1);
    });
    expect(Math.max(...sizes.values())).toBeLessThanOrEqual(batch);
    expect(sizes.size).toBeGreaterThanOrEqual(Math.ceil(count / batch));
  });

  it.each([
    { batch: 1, polls: 1 },
    { batch: 4, polls: 1 },
    { batch: 8, polls: 3 },
    { batch: 16, polls: 2 },
  ])(
    "batch: $batch and polls: $polls bound what is done before Node has its turn",
    async ({ batch, polls }) => {
      await using scope = new Scope();
      const port = scope.use(new CompletionPort({ batch, polls }));
      let turn = 0;
      let over = false;
      const tick = () => {
        turn++;
        if (!over) setImmediate(tick);
      };
      tick();
      const sizes = new Map<number, number>();
      await messages(scope, port, () => {
        sizes.set(turn, (sizes.get(turn) ?? 0) + 1);
      });
      over = true;
      // A turn of the engine may lie on either side of the tick.
      expect(Math.max(...sizes.values())).toBeLessThanOrEqual(2 * batch * polls);
      expect(sizes.size).toBeGreaterThanOrEqual(count / (2 * batch * polls));
    },
  );

  it("lose nothing and stall nothing when the batches are small and the load is high", async () => {
    await using scope = new Scope();
    const busy = await load(scope, 40, { batch: 1, polls: 1 });
    await until(() => Math.min(...busy.each.values()) >= 5);
    const peer = await echo(scope, busy.port);
    for (let round = 0; round < 10; round++) await roundTrip(peer);
  });
});

describe("completions that cause each other without end", () => {
  /** The loop, its timers, and a connection on the default port go on. */
  async function everythingGoesOn(scope: Scope, moving: () => number): Promise<void> {
    const bystander = await Bystander.start(scope);
    const before = moving();
    for (let round = 0; round < 20; round++) {
      await next.timer();
      await next.immediate();
      await bystander.check();
    }
    await until(() => moving() > before + 20);
  }

  /** The same beside a loop that only awaits its sends; it gives up, as nobody could stop it from outside. */
  async function othersHaveTurns(scope: Scope, send: () => Promise<unknown>): Promise<void> {
    let sends = 0;
    let over = false;
    const others = everythingGoesOn(scope, () => sends).finally(() => {
      over = true;
    });
    while (!over && sends < mostSends) {
      await send();
      sends++;
    }
    expect(over).toBe(true);
    await others;
  }

  it("timers of no time at all starve nobody", async () => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort());
    let rounds = 0;
    let over = false;
    const ended = new Promise<void>((resolve) => {
      port
        .operation((_, __, operation) => {
          rounds++;
          if (over) resolve();
          else operation.timer(0);
        })
        .timer(0);
    });
    await everythingGoesOn(scope, () => rounds);
    over = true;
    await ended;
  });

  it("sends of nothing starve nobody", async () => {
    await using scope = new Scope();
    const { client } = await pair(scope);
    let rounds = 0;
    let over = false;
    const ended = new Promise<void>((resolve) => {
      CompletionPort.default
        .operation((error, _, operation) => {
          rounds++;
          if (over || error) resolve();
          else operation.send(client, "");
        })
        .send(client, "");
    });
    await everythingGoesOn(scope, () => rounds);
    over = true;
    await ended;
  });

  it("awaited sends of nothing, each done at once, starve nobody", async () => {
    await using scope = new Scope();
    const { client } = await pair(scope);
    await othersHaveTurns(scope, () => client.send(""));
  });

  it("awaited sends to a peer that keeps up starve nobody", async () => {
    await using scope = new Scope();
    const client = scope.use(await connect({ host: "127.0.0.1", port: await thirstyPort(scope) }));
    await othersHaveTurns(scope, () => client.send("x"));
  });

  it("posts to oneself starve nobody", async () => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort());
    let rounds = 0;
    let over = false;
    port.on("posted", () => {
      rounds++;
      if (!over) port.post("again");
    });
    port.post("first");
    await everythingGoesOn(scope, () => rounds);
    over = true;
  });

  it("two sockets that answer each other at once starve nobody", async () => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort());
    let rounds = 0;
    const handlers = {
      data(socket: TcpSocket, chunk: Uint8Array) {
        rounds++;
        socket.write(chunk);
      },
    };
    const listener = await listen({ host: "127.0.0.1", completionPort: port }, handlers);
    const socket = await connect(
      { host: "127.0.0.1", port: listener.address.port, completionPort: port },
      handlers,
    );
    socket.write("ball");
    await everythingGoesOn(scope, () => rounds);
  });
});

describe("the engine is not starved", () => {
  it("by a program that is busy with setImmediate, timers and files", async () => {
    await using scope = new Scope();
    const bystander = await Bystander.start(scope);
    let over = false;
    const file = fileURLToPath(import.meta.url);
    const busy = Promise.all([
      (async () => {
        while (!over) await next.immediate();
      })(),
      (async () => {
        while (!over) await new Promise((resolve) => setTimeout(resolve, 0));
      })(),
      (async () => {
        while (!over) await readFile(file);
      })(),
    ]);
    for (let round = 0; round < 100; round++) await bystander.check();
    over = true;
    await busy;
  });

  it("by a writer that never stops", async () => {
    await using scope = new Scope();
    const bystander = await Bystander.start(scope);
    const { client, server } = await pair(scope);
    let over = false;
    const chunk = pattern(100_000);
    const sending = (async () => {
      while (!over) await client.send(chunk);
      await client.shutdown();
    })();
    let received = 0;
    const receiving = (async () => {
      for await (const bytes of server) received += bytes.length;
    })();
    for (let round = 0; round < 100; round++) await bystander.check();
    over = true;
    await sending;
    await receiving;
    expect(received % chunk.length).toBe(0);
    expect(received).toBeGreaterThan(0);
  });
});
