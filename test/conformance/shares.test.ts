import { CompletionPort, connect, listen } from "portside";
import { describe, expect, it } from "vitest";
import { run } from "../support/programs.js";
import { Scope } from "../support/scope.js";
import { deferred, until } from "../support/wait.js";

const host = "127.0.0.1";

/** A listener that reads, and answers with what it read if it is told to. */
async function peers(scope: Scope, answers: boolean, completionPort?: CompletionPort): Promise<number> {
  const handlers = {
    data: (socket: { write(chunk: Uint8Array): boolean }, chunk: Uint8Array) => {
      if (answers) socket.write(chunk);
    },
  };
  const options = completionPort ? { host, completionPort } : { host };
  return scope.use(await listen(options, handlers)).address.port;
}

/** Resolves after so many echoes of one connection on `port`. */
async function echoes(scope: Scope, completionPort: CompletionPort, count: number): Promise<void> {
  const enough = deferred();
  const socket = scope.use(
    await connect(
      { host, port: await peers(scope, true, completionPort), completionPort },
      {
        data(self, chunk) {
          if (--count === 0) enough.resolve();
          else if (count > 0) self.write(chunk);
        },
      },
    ),
  );
  socket.write("echo");
  await enough.promise;
}

describe("what the kernel brings has its share of every batch", () => {
  it.each([
    [1, 1],
    [1, 5],
    [2, 2],
    [3, 50],
    [64, 64],
    [64, 1000],
  ])("of %i, beside %i sends that are submitted again and again", async (batch, loops) => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort({ batch }));
    const noisy = scope.use(await connect({ host, port: await peers(scope, false), completionPort: port }));
    let sends = 0;
    let on = true;
    for (let i = 0; i < loops; i++) {
      const operation = port.operation((error) => {
        sends++;
        if (!error && on) operation.send(noisy, "x");
      });
      operation.send(noisy, "x");
    }
    await echoes(scope, port, 50);
    // Nor do the sends stand still.
    const before = sends;
    await until(() => sends > before + loops);
    on = false;
  });

  it.each([1, 64])("of %i, beside drain handlers that write again", async (batch) => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort({ batch }));
    const to = await peers(scope, false);
    let on = true;
    let drains = 0;
    for (let i = 0; i < 70; i++) {
      const options = { host, port: to, completionPort: port, highWaterMark: 1 };
      const socket = await connect(options, {
        drain(self) {
          drains++;
          if (on) self.write("x");
        },
      });
      scope.use(socket).write("x");
    }
    await until(() => drains > 200);
    await echoes(scope, port, 50);
    on = false;
  });

  it.each([1, 64])("of %i, for a socket whose own sends fill it", async (batch) => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort({ batch }));
    const socket = scope.use(await connect({ host, port: await peers(scope, true), completionPort: port }));
    let on = true;
    for (let i = 0; i < 300; i++) {
      const operation = port.operation((error) => {
        if (!error && on) operation.send(socket, "x");
      });
      operation.send(socket, "x");
    }
    for (let i = 0; i < 20; i++) expect(await socket.recv()).not.toBeNull();
    on = false;
  });
});

describe("an unreferenced port that is always busy", () => {
  it("yields as a referenced one does, works on, and does not keep the process alive", async () => {
    const { stdout, ...end } = await run("unref_busy.mjs");
    expect(end).toEqual({ code: 0, signal: null, stderr: "" });
    expect(JSON.parse(stdout)).toEqual({ gotOn: true, fair: true, workedOn: true });
  });
});

describe("posted values", () => {
  it.each([true, false])(
    "have a budget: timers and setImmediate come in between (referenced: %s)",
    async (ref) => {
      await using scope = new Scope();
      const port = scope.use(new CompletionPort());
      if (!ref) port.unref();
      const count = 20_000;
      let seen = 0;
      let most = 0;
      let last = 0;
      let timers = 0;
      let looking = true;
      port.on("posted", (value) => {
        expect(value).toBe(seen++);
      });
      for (let i = 0; i < count; i++) port.post(i);
      (function look(): void {
        most = Math.max(most, seen - last);
        last = seen;
        if (looking) setImmediate(look);
      })();
      const timer = setInterval(() => {
        timers++;
      }, 1);
      await until(() => seen === count);
      looking = false;
      clearInterval(timer);
      expect(most).toBeLessThanOrEqual(512);
      expect(timers).toBeGreaterThan(3);
    },
  );

  it("have it in a turn of many batches, too, beside operations that never rest", async () => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort({ polls: 64 }));
    const noisy = scope.use(await connect({ host, port: await peers(scope, false), completionPort: port }));
    const count = 10_000;
    let seen = 0;
    let most = 0;
    let last = 0;
    const goesOn = () => seen < count;
    for (let i = 0; i < 200; i++) {
      const operation = port.operation((error) => {
        if (!error && goesOn()) operation.send(noisy, "x");
      });
      operation.send(noisy, "x");
    }
    port.on("posted", () => {
      seen++;
    });
    for (let i = 0; i < count; i++) port.post(i);
    (function look(): void {
      most = Math.max(most, seen - last);
      last = seen;
      if (goesOn()) setImmediate(look);
    })();
    await until(() => !goesOn());
    expect(most).toBeLessThanOrEqual(512);
  });

  it("wait, however many, for listeners that take one each", async () => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort());
    for (let i = 0; i < 2000; i++) port.post(i);
    for (let i = 0; i < 2000; i++) {
      const value = await new Promise((resolve) => {
        const listener = (posted: unknown): void => {
          port.off("posted", listener);
          resolve(posted);
        };
        port.on("posted", listener);
      });
      expect(value).toBe(i);
    }
  });
});
