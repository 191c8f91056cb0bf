import fc from "fast-check";
import { CompletionPort, connect, listen, PortsideError } from "portside";
import { describe, expect, it } from "vitest";
import { difference, pattern, receiveToEnd } from "../support/bytes.js";
import { Completions } from "../support/completions.js";
import { pair } from "../support/peers.js";
import { Scope } from "../support/scope.js";
import { turns } from "../support/wait.js";

/** Random runs, as many as fit; fast-check prints the seed and the smallest counterexample when one fails. */
const runs = (numRuns: number) => ({ numRuns, interruptAfterTimeLimit: 5000, endOnFailure: false });

describe("whatever the sizes of sends and receives", () => {
  it("the stream is the same", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(30_000), { maxLength: 30 }),
        fc.array(fc.integer({ min: 1, max: 65_536 }), { minLength: 1, maxLength: 10 }),
        async (sends, receives) => {
          await using scope = new Scope();
          const { client, server } = await pair(scope);
          const pieces = sends.map((length, index) => pattern(length, index));
          const sending = Promise.all([...pieces.map((piece) => client.send(piece)), client.shutdown()]);
          const chunks: Uint8Array[] = [];
          for (let index = 0; ; index++) {
            // 900 KB byte by byte would take longer than all runs may.
            const size = index < 2000 ? receives[index % receives.length]! : 65_536;
            const chunk = await server.recv({ size });
            if (chunk === null) break;
            expect(chunk.length).toBeGreaterThan(0);
            chunks.push(chunk);
          }
          await sending;
          expect(difference(Buffer.concat(chunks), Buffer.concat(pieces))).toBe("");
        },
      ),
      runs(60),
    );
  });
});

describe("whatever text is sent", () => {
  // All of Unicode but the surrogates. fast-check's own takes a second to make.
  const codePoint = fc
    .nat(0x10_ffff - 0x800)
    .map((index) => String.fromCodePoint(index < 0xd800 ? index : index + 0x800));

  it("it arrives as UTF-8", async () => {
    await using scope = new Scope();
    const listener = scope.use(await listen({ host: "127.0.0.1" }));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ unit: codePoint }), { maxLength: 8 }), async (texts) => {
        const [server, client] = await Promise.all([
          listener.accept(),
          connect({ host: "127.0.0.1", port: listener.address.port }),
        ]);
        const bytes = new TextEncoder().encode(texts.join(""));
        const sending = client.send(texts).then((length) => client.close().then(() => length));
        expect(difference(await receiveToEnd(server), bytes)).toBe("");
        expect(await sending).toBe(bytes.length);
        await server.close();
      }),
      runs(60),
    );
  });
});

describe("whatever timers are begun and canceled", () => {
  it("each completes exactly once: in time or canceled, the shorter before the longer", async () => {
    const port = CompletionPort.default;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ delay: fc.nat(60), cancel: fc.option(fc.nat(30)) }), {
          minLength: 1,
          maxLength: 50,
        }),
        async (timers) => {
          const ended: number[] = [];
          const all = timers.map(({ delay, cancel }) => {
            const done = new Completions(port, ({ error }) => {
              if (!error) ended.push(delay);
            });
            done.operation.timer(delay);
            if (cancel !== null) setTimeout(() => done.operation.cancel(), cancel);
            return { done, cancel };
          });
          const last = new Completions(port);
          last.operation.timer(70);
          await Promise.all(all.map(({ done }) => done.nth(1)));
          await last.nth(1);
          for (const { done, cancel } of all) {
            expect(done.seen).toHaveLength(1);
            if (done.seen[0]!.error)
              expect([cancel === null, done.seen[0]!.error.code]).toEqual([false, "ECANCELED"]);
          }
          // They began within one tick, so equal times apart they end in the order of their times.
          expect(ended).toEqual(ended.toSorted((a, b) => a - b));
        },
      ),
      runs(25),
    );
  });
});

describe("whatever values are posted", () => {
  it("their clones arrive, in order", async () => {
    await using port = new CompletionPort();
    const got: unknown[] = [];
    port.on("posted", (value) => got.push(value));
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.anything({
            withBigInt: true,
            withDate: true,
            withMap: true,
            withSet: true,
            withTypedArray: true,
          }),
        ),
        async (values) => {
          got.length = 0;
          const expected = values.map((value) => structuredClone(value));
          for (const value of values) port.post(value);
          expect(got).toEqual([]);
          while (got.length < values.length) await turns(1);
          expect(got).toEqual(expected);
        },
      ),
      runs(150),
    );
  });
});

describe("whatever nonsense is passed", () => {
  const nonsense = fc.anything({ withBigInt: true, withTypedArray: false, withNullPrototype: true });

  it("methods that return a promise reject with an argument error and never throw", async () => {
    await using scope = new Scope();
    const { client } = await pair(scope);
    const listener = scope.use(await listen({ host: "127.0.0.1" }));
    const calls: ((value: never) => Promise<unknown>)[] = [
      (value) => client.recvInto(value),
      (value) => client.recv({ size: value, signal: AbortSignal.abort() }),
      (value) => client.recv({ signal: value }),
      (value) => client.send("x", { signal: value }),
      (value) => client.shutdown({ signal: value }),
      (value) => listener.accept({ signal: value }),
      (value) => connect({ port: value, signal: AbortSignal.abort() }),
      (value) => connect({ port: 1, timeout: value, signal: AbortSignal.abort() }),
      (value) => listen({ backlog: value, signal: AbortSignal.abort() }),
      (value) => listen({ host: "127.0.0.1", signal: AbortSignal.abort() }, { data: value }),
    ];
    await fc.assert(
      fc.asyncProperty(fc.nat(calls.length - 1), nonsense, async (which, value) => {
        // Leaving an option out is no nonsense.
        fc.pre(value !== undefined || which === 0);
        const promise = calls[which]!(value as never);
        const error = await promise.then(
          () => undefined,
          (reason) => reason,
        );
        expect(error).toBeInstanceOf(PortsideError);
        expect(error.code).toMatch(/^(ERR_[A-Z_]+|ECANCELED)$/);
      }),
      runs(400),
    );
  });

  it("send and write take strings, bytes and lists of these and refuse everything else", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope);
    const receiving = receiveToEnd(server);
    const isData = (value: unknown) => typeof value === "string" || value instanceof Uint8Array;
    let total = 0;
    await fc.assert(
      fc.asyncProperty(nonsense, async (value) => {
        if (isData(value) || (Array.isArray(value) && value.every(isData))) {
          total += await client.send(value as never);
          return;
        }
        await expect(client.send(value as never)).rejects.toMatchObject({ code: "ERR_INVALID_ARG_TYPE" });
        expect(() => client.write(value as never)).toThrowError(PortsideError);
      }),
      runs(400),
    );
    await client.shutdown();
    expect(await receiving).toHaveLength(total);
  });
});
