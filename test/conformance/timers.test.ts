import { CompletionPort } from "portside";
import { describe, expect, it } from "vitest";
import { Completions } from "../support/completions.js";
import { thrown } from "../support/failure.js";
import { Scope } from "../support/scope.js";
import { deferred, note, turns } from "../support/wait.js";

const port = CompletionPort.default;

/** The clock of the engine has a resolution of a millisecond, and its start may lie anywhere within one. */
const RESOLUTION = 2;

describe("a timer", () => {
  it.each([1, 5, 20, 63, 64, 65, 130, 255, 256, 257, 600])(
    "of %i ms does not end before its time",
    async (ms) => {
      const done = new Completions(port);
      const begun = performance.now();
      done.operation.timer(ms);
      expect(await done.nth(1)).toMatchObject({ error: null, result: undefined });
      expect(performance.now() - begun).toBeGreaterThanOrEqual(ms - RESOLUTION);
    },
  );

  it("of 1 ms is never early, whenever within a millisecond it begins", async () => {
    const elapsed: number[] = [];
    for (let round = 0; round < 100; round++) {
      const done = new Completions(port);
      while (performance.now() % 1 < round / 100);
      const begun = performance.now();
      done.operation.timer(1);
      await done.nth(1);
      elapsed.push(performance.now() - begun);
    }
    // A clock's own rounding is less than a microsecond.
    expect(Math.min(...elapsed)).toBeGreaterThan(0.999);
  });

  it("of 0 ms ends soon, but never inside the call", async () => {
    const done = new Completions(port);
    done.operation.timer(0);
    expect(done.seen).toHaveLength(0);
    await done.nth(1);
  });

  it("that is shorter ends first, in whatever order they began", async () => {
    const order: number[] = [];
    const delays = [400, 10, 250, 130, 70, 190, 320];
    const timers = delays.map((delay) => {
      const done = new Completions(port, () => order.push(delay));
      done.operation.timer(delay);
      return done;
    });
    await Promise.all(timers.map((done) => done.nth(1)));
    expect(order).toEqual(delays.toSorted((a, b) => a - b));
  });

  it("may begin again from within its own completion, a hundred times", async () => {
    const finished = deferred();
    let rounds = 0;
    const begun = performance.now();
    const operation = port.operation(() => {
      if (++rounds === 100) finished.resolve();
      else operation.timer(1);
    });
    operation.timer(1);
    await finished.promise;
    expect(performance.now() - begun).toBeGreaterThanOrEqual(100 * 1 - 100 * RESOLUTION);
    expect(rounds).toBe(100);
  });

  it("of which ten thousand run at once ends exactly once each", async () => {
    let completions = 0;
    let early = 0;
    const finished = deferred();
    const begun = performance.now();
    for (let index = 0; index < 10_000; index++) {
      const delay = (index * 7919) % 300;
      port
        .operation((error) => {
          if (error || performance.now() - begun < delay - RESOLUTION) early++;
          if (++completions === 10_000) finished.resolve();
        })
        .timer(delay);
    }
    await finished.promise;
    await turns();
    expect(completions).toBe(10_000);
    expect(early).toBe(0);
  });

  it("of which a hundred thousand idle disturbs none that is due, and all can be canceled", async () => {
    let canceled = 0;
    const finished = deferred();
    const idle = Array.from({ length: 100_000 }, (_, index) => {
      const operation = port.operation((error) => {
        if (error?.code === "ECANCELED" && ++canceled === 100_000) finished.resolve();
      });
      return operation.timer(1_000_000 + index);
    });
    const due = new Completions(port);
    due.operation.timer(5);
    expect((await due.nth(1)).error).toBeNull();
    expect(canceled).toBe(0);
    for (const operation of idle) operation.cancel();
    await finished.promise;
    expect(canceled).toBe(100_000);
  });

  it("is not forgotten over other work that is done between its beginning and its end", async () => {
    const work = new Completions(port);
    const timer = new Completions(port);
    for (let round = 1; round <= 100; round++) {
      timer.operation.timer(2);
      // In another turn of the loop, but before the time has passed.
      setImmediate(() => work.operation.timer(1_000_000).cancel());
      await timer.nth(round);
      await work.nth(round);
      // Now and then the engine has come to rest before the next one begins.
      await new Promise((resolve) => setTimeout(resolve, round % 4));
    }
  });

  it("of 2^31-1 ms does not end at once", async () => {
    const done = new Completions(port);
    const other = new Completions(port);
    done.operation.timer(2 ** 31 - 1);
    other.operation.timer(30);
    await other.nth(1);
    expect(done.operation.pending).toBe(true);
    done.operation.cancel();
    expect((await done.nth(1)).error!.code).toBe("ECANCELED");
  });

  it("that is canceled does not end a second time when its time comes", async () => {
    const done = new Completions(port);
    const later = new Completions(port);
    done.operation.timer(20);
    done.operation.cancel();
    later.operation.timer(60);
    await later.nth(1);
    expect(done.seen.map(({ error }) => error?.code)).toEqual(["ECANCELED"]);
  });

  it("that is canceled and begun again runs its new time", async () => {
    const done = new Completions(port);
    const begun = performance.now();
    done.operation.timer(10);
    done.operation.cancel();
    await done.nth(1);
    done.operation.timer(80);
    expect((await done.nth(2)).error).toBeNull();
    expect(performance.now() - begun).toBeGreaterThanOrEqual(80 - RESOLUTION);
  });

  it("that came due while JavaScript was busy ends afterwards, with all the others, in order", async () => {
    const order: number[] = [];
    const timers = [30, 10, 50, 20, 40].map((delay) => {
      const done = new Completions(port, () => order.push(delay));
      done.operation.timer(delay);
      return done;
    });
    const until = performance.now() + 120;
    while (performance.now() < until);
    expect(order).toEqual([]);
    await Promise.all(timers.map((done) => done.nth(1)));
    expect(order).toEqual([10, 20, 30, 40, 50]);
  });

  it("is not overtaken by a longer one that was begun just before it", async () => {
    // As many as are handed over at once, and so often that the clock moves on in the midst of it.
    const rounds: Promise<number[]>[] = [];
    for (let round = 0; round < 50; round++) {
      const ended: number[] = [];
      const timers = Array.from({ length: 1000 }, (_, index) => {
        const delay = index < 500 ? 31 : 30;
        const done = new Completions(port, () => ended.push(delay));
        done.operation.timer(delay);
        return done.nth(1);
      });
      rounds.push(Promise.all(timers).then(() => ended));
      await turns(1);
    }
    for (const ended of await Promise.all(rounds)) expect(ended.indexOf(31)).toBe(500);
  });

  it("that begins after JavaScript was busy counts from its own beginning", async () => {
    const done = new Completions(port);
    const until = performance.now() + 100;
    while (performance.now() < until);
    const begun = performance.now();
    done.operation.timer(60);
    await done.nth(1);
    expect(performance.now() - begun).toBeGreaterThanOrEqual(60 - RESOLUTION);
  });

  it("keeps time next to Node's own timers", async () => {
    const order: string[] = [];
    const mine = new Completions(port, () => order.push("engine 100"));
    const node = deferred();
    // So far apart that a machine that stands still for a second does not mix them up.
    mine.operation.timer(100);
    setTimeout(() => order.push("node 30"), 30);
    setTimeout(() => {
      order.push("node 1500");
      node.resolve();
    }, 1500);
    await Promise.all([mine.nth(1), node.promise]);
    expect(order).toEqual(["node 30", "engine 100", "node 1500"]);
  });

  it("ends with ECANCELED when its port closes, before the close completes", async () => {
    await using scope = new Scope();
    const own = scope.use(new CompletionPort());
    const order: string[] = [];
    const timers = [1_000_000, 50_000, 10_000].map((delay) => {
      const done = new Completions(own, ({ error }) => order.push(error!.code));
      done.operation.timer(delay);
      return done;
    });
    await note(order, "closed", own.close());
    expect(order).toEqual(["ECANCELED", "ECANCELED", "ECANCELED", "closed"]);
    expect(timers.every((done) => done.seen.length === 1)).toBe(true);
  });

  it.each<[string, unknown, string]>([
    ["negative", -1, "ERR_OUT_OF_RANGE"],
    ["2^31", 2 ** 31, "ERR_OUT_OF_RANGE"],
    ["NaN", Number.NaN, "ERR_OUT_OF_RANGE"],
    ["infinite", Number.POSITIVE_INFINITY, "ERR_OUT_OF_RANGE"],
    ["a string", "10", "ERR_INVALID_ARG_TYPE"],
    ["missing", undefined, "ERR_INVALID_ARG_TYPE"],
  ])("whose time is %s is refused", async (_, delay, code) => {
    const done = new Completions(port);
    thrown(() => done.operation.timer(delay as number), code);
    expect(done.operation.pending).toBe(false);
    await turns(3);
    expect(done.seen).toHaveLength(0);
  });
});
