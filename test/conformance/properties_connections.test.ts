import fc from "fast-check";
import { CompletionPort, PortsideError, type TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { difference, pattern } from "../support/bytes.js";
import { narrow, pair } from "../support/peers.js";
import { Scope } from "../support/scope.js";
import { deferred, turns } from "../support/wait.js";

/** Random runs, as many as fit; fast-check prints the seed and the smallest counterexample when one fails. */
const runs = (numRuns: number) => ({ numRuns, interruptAfterTimeLimit: 5000, endOnFailure: false });

type Step =
  | { do: "send"; link: number; side: 0 | 1; size: number; pieces: number; abort: boolean }
  | { do: "write"; link: number; side: 0 | 1; size: number }
  | { do: "recv"; link: number; side: 0 | 1; size: number; into: boolean; abort: boolean }
  | { do: "operate"; link: number; side: 0 | 1; size: number; cancel: boolean }
  | { do: "shutdown"; link: number; side: 0 | 1 }
  | { do: "close" | "reset"; link: number; side: 0 | 1 }
  | { do: "timer"; delay: number; cancel: boolean }
  | { do: "abort"; which: number }
  | { do: "turns"; count: number };

const LINKS = 3;

const where = { link: fc.nat(LINKS - 1), side: fc.constantFrom<0 | 1>(0, 1) };

const size = fc.oneof(
  { weight: 3, arbitrary: fc.nat(2000) },
  { weight: 1, arbitrary: fc.nat(400_000) },
  { weight: 1, arbitrary: fc.constant(0) },
);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("send" as const),
      ...where,
      size,
      pieces: fc.integer({ min: 1, max: 5 }),
      abort: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("write" as const), ...where, size }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("recv" as const),
      ...where,
      size: fc.integer({ min: 1, max: 65_536 }),
      into: fc.boolean(),
      abort: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("operate" as const),
      ...where,
      size: fc.integer({ min: 1, max: 5000 }),
      cancel: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("shutdown" as const), ...where }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("close" as const, "reset" as const), ...where }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("timer" as const),
      delay: fc.nat(20),
      cancel: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("abort" as const), which: fc.nat(20) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("turns" as const), count: fc.nat(3) }) },
);

/** How an operation may end on a connection that is canceled, closed, reset and shut down at random. */
const ENDED = /^(ECANCELED|EBADF|ECONNRESET|EPIPE)$/;

/** What the model knows about one direction of a connection. */
class Direction {
  /** Per submitted send, in order, the bytes that the peer must get of it; settled with the send. */
  readonly sent: Promise<Uint8Array>[] = [];
  /** Per submitted receive, in order, what it got. */
  readonly received: Promise<Uint8Array>[] = [];
  shutdown: Promise<string> | undefined;
}

/** One end of a connection: its socket, what it sends and what it receives. */
interface End {
  readonly socket: TcpSocket;
  readonly out: Direction;
  readonly in: Direction;
  closing: Promise<void> | undefined;
}

/** Runs the steps against real connections and the model, and checks the contract along the way and at the end. */
class Run {
  readonly #port: CompletionPort;
  readonly #links: [End, End][] = [];
  readonly #disturbed = new Set<number>();
  readonly #controllers: AbortController[] = [];
  readonly #timers: Promise<unknown>[] = [];
  /** Submissions and the completions they have had. */
  submitted = 0;
  completed = 0;
  #seed = 0;

  constructor(port: CompletionPort) {
    this.#port = port;
  }

  async open(scope: Scope): Promise<void> {
    for (let link = 0; link < LINKS; link++) {
      const { client, server } = await pair(scope, { ...narrow, completionPort: this.#port });
      const there = new Direction();
      const back = new Direction();
      this.#links.push([
        { socket: client, out: there, in: back, closing: undefined },
        { socket: server, out: back, in: there, closing: undefined },
      ]);
    }
  }

  async perform(step: Step): Promise<void> {
    switch (step.do) {
      case "turns":
        return turns(step.count);
      case "abort":
        this.#controllers[step.which % Math.max(1, this.#controllers.length)]?.abort();
        return;
      case "timer":
        return this.#timer(step.delay, step.cancel);
    }
    const end = this.#links[step.link]![step.side];
    switch (step.do) {
      case "send":
        return this.#send(end, step.size, step.pieces, step.abort);
      case "write":
        return this.#write(end, step.size);
      case "recv":
        return this.#recv(end, step.size, step.into, step.abort);
      case "operate":
        return this.#operate(end, step.size, step.cancel);
      case "shutdown":
        this.#shutdown(end);
        return;
      default:
        this.#disturbed.add(step.link);
        end.closing ??= end.socket[step.do]();
    }
  }

  /** Ends every connection in good order, receives what is left, and compares. */
  async finish(): Promise<void> {
    await Promise.all(
      this.#links.map(async ([client, server], link) => {
        const rest = await Promise.all([this.#drain(client), this.#drain(server)]);
        await Promise.all([client.socket.close(), server.socket.close()]);
        await Promise.all([client.closing, server.closing]);
        await this.#compare(client.out, rest[1], this.#disturbed.has(link));
        await this.#compare(server.out, rest[0], this.#disturbed.has(link));
      }),
    );
    await Promise.all(this.#timers);
    await turns(2);
    expect(this.completed).toBe(this.submitted);
    expect(this.#port.stats()).toMatchObject({ handles: 0, operations: 0, bytesQueued: 0 });
  }

  async #drain(end: End): Promise<Uint8Array> {
    this.#shutdown(end);
    const chunks: Uint8Array[] = [];
    try {
      for (let chunk = await end.socket.recv(); chunk !== null; chunk = await end.socket.recv())
        chunks.push(chunk);
    } catch (error) {
      expect((error as PortsideError).code).toMatch(/^(EBADF|ECANCELED|ECONNRESET)$/);
    }
    await end.out.shutdown;
    return Buffer.concat(chunks);
  }

  async #compare(direction: Direction, rest: Uint8Array, disturbed: boolean): Promise<void> {
    const sent = Buffer.concat(await Promise.all(direction.sent));
    const received = Buffer.concat([...(await Promise.all(direction.received)), rest]);
    // A connection that was closed or reset on the way loses its tail, never its order.
    const expected = disturbed ? sent.subarray(0, received.length) : sent;
    expect(difference(received, expected)).toBe("");
  }

  /** Counts a submission and its one completion; passes the outcome on. */
  async #once<T>(promise: Promise<T>, failed: (error: PortsideError) => T, codes = ENDED): Promise<T> {
    this.submitted++;
    let value: T;
    try {
      value = await promise;
    } catch (error) {
      expect(error).toBeInstanceOf(PortsideError);
      expect((error as PortsideError).code).toMatch(codes);
      value = failed(error as PortsideError);
    }
    this.completed++;
    return value;
  }

  #signal(wanted: boolean): { signal?: AbortSignal } {
    if (!wanted) return {};
    const controller = new AbortController();
    this.#controllers.push(controller);
    return { signal: controller.signal };
  }

  #send({ socket, out }: End, size: number, pieces: number, abort: boolean): void {
    const data = pattern(size, ++this.#seed);
    const list = Array.from({ length: pieces }, (_, index) =>
      data.subarray(Math.floor((size * index) / pieces), Math.floor((size * (index + 1)) / pieces)),
    );
    const sending = socket.send(pieces === 1 ? data : list, this.#signal(abort));
    const taken = sending.then((length) => {
      expect(length).toBe(size);
      return data;
    });
    out.sent.push(this.#once<Uint8Array>(taken, ({ bytesSent = 0 }) => data.subarray(0, bytesSent)));
  }

  #write(end: End, size: number): void {
    const data = pattern(size, ++this.#seed);
    const before = this.#port.stats().bytesDropped;
    const more = end.socket.write(data);
    const dropped = this.#port.stats().bytesDropped - before;
    if (end.closing || end.out.shutdown) {
      expect([more, dropped]).toEqual([false, size]);
    } else {
      // All of it, or, once the connection has been lost, nothing.
      expect([0, size]).toContain(dropped);
      if (dropped > 0) expect(more).toBe(false);
    }
    // Nobody says how much of the rest went out when the connection ends early; a prefix is compared then.
    if (dropped === 0) end.out.sent.push(Promise.resolve(data));
  }

  #recv(end: End, size: number, into: boolean, abort: boolean): void {
    const buffer = new Uint8Array(size);
    const receiving = into
      ? end.socket.recvInto(buffer, this.#signal(abort)).then((length) => buffer.slice(0, length))
      : end.socket.recv({ size, ...this.#signal(abort) }).then((chunk) => chunk ?? new Uint8Array(0));
    end.in.received.push(this.#once(receiving, () => new Uint8Array(0)));
  }

  #operate(end: End, size: number, cancel: boolean): void {
    const completion = deferred<Uint8Array>();
    const buffer = new Uint8Array(size);
    let inside = true;
    let completions = 0;
    const operation = this.#port.operation((error, result) => {
      expect(inside).toBe(false);
      expect(++completions).toBe(1);
      if (error) completion.reject(error);
      else completion.resolve(buffer.slice(0, result as number));
    });
    try {
      operation.recv(end.socket, buffer);
      end.in.received.push(this.#once(completion.promise, () => new Uint8Array(0)));
    } catch (error) {
      expect((error as PortsideError).code).toBe("EBADF");
      expect(operation.pending).toBe(false);
    }
    if (cancel) operation.cancel();
    inside = false;
  }

  #shutdown(end: End): void {
    if (end.out.shutdown) return;
    end.out.shutdown = this.#once(
      end.socket.shutdown().then(() => "done"),
      (error) => error.code,
      // A connection of which nothing is left has nothing to shut down.
      /^(ECANCELED|EBADF|ECONNRESET|EPIPE|ENOTCONN)$/,
    );
  }

  #timer(delay: number, cancel: boolean): void {
    const begun = performance.now();
    const completion = deferred<number>();
    const operation = this.#port.operation((error) => {
      if (error) completion.reject(error);
      else completion.resolve(performance.now() - begun);
    });
    operation.timer(delay);
    if (cancel) operation.cancel();
    this.#timers.push(
      this.#once(completion.promise, ({ code }) => {
        expect([cancel, code]).toEqual([true, "ECANCELED"]);
        return delay;
      }).then((elapsed) => expect(elapsed).toBeGreaterThanOrEqual(delay - 2)),
    );
  }
}

describe("whatever is done to several connections at once", () => {
  it("every submission completes exactly once, and bytes arrive in order and complete", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 80 }), async (steps) => {
        await using scope = new Scope();
        const port = scope.use(new CompletionPort());
        const run = new Run(port);
        await run.open(scope);
        for (const step of steps) await run.perform(step);
        await run.finish();
      }),
      runs(150),
    );
  });
});
