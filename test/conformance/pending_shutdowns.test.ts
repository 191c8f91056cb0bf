import { describe, expect, it } from "vitest";
import { difference, pattern, receive, receiveToEnd } from "../support/bytes.js";
import { dropped } from "../support/dropped.js";
import { failure } from "../support/failure.js";
import { narrow, pair, STALLING_SIZE } from "../support/peers.js";
import { Scope } from "../support/scope.js";
import { turns } from "../support/wait.js";

const CANCELLED = 2_000;
/** Under Wine each send that waits takes its time. */
const MANY = process.env.PORTSIDE_TEST_WINE ? 1_000 : 100_000;

/** A socket that has to wait with its FIN, two shutdowns of it, and what cancels each. */
async function twoShutdowns(scope: Scope) {
  const { client, server } = await pair(scope, narrow);
  const data = pattern(STALLING_SIZE);
  const sending = client.send(data);
  const signals = [new AbortController(), new AbortController()] as const;
  const shutdowns = signals.map(({ signal }) => {
    const shutdown = client.shutdown({ signal });
    shutdown.catch(() => {});
    return shutdown;
  });
  return { client, server, data, sending, signals, shutdowns };
}

/** Milliseconds until as many shutdowns have heard that they are cancelled, with so many `drained()` behind them. */
async function timeOfCancelling(scope: Scope, behind: number): Promise<number> {
  const { client, server } = await pair(scope, narrow);
  const sending = client.send(pattern(STALLING_SIZE));
  const cancelling = new AbortController();
  const shutdowns = Array.from({ length: CANCELLED }, () => client.shutdown({ signal: cancelling.signal }));
  const drained = Array.from({ length: behind }, () => client.drained());
  await turns();
  const begin = performance.now();
  cancelling.abort();
  for (const { status } of await Promise.allSettled(shutdowns)) expect(status).toBe("rejected");
  const time = performance.now() - begin;
  await receive(server, STALLING_SIZE);
  await Promise.all([sending, ...drained]);
  return time;
}

describe("two pending shutdowns", () => {
  it.each([
    ["first", 0, 1],
    ["second", 1, 0],
  ] as const)("of which the %s is cancelled leave sending ended", async (_, cancelled, other) => {
    await using scope = new Scope();
    const { client, server, data, sending, signals, shutdowns } = await twoShutdowns(scope);
    signals[cancelled].abort();
    await failure(shutdowns[cancelled]!, "ECANCELED");
    dropped(client);
    await failure(client.send("too late"), "EPIPE");
    expect(difference(await receiveToEnd(server), data)).toBe("");
    await shutdowns[other];
    expect(await sending).toBe(data.length);
  });

  it("and thousands more are cancelled in the same time, however much waits behind them", async () => {
    await using scope = new Scope();
    const alone = await timeOfCancelling(scope, 0);
    const amongMany = await timeOfCancelling(scope, MANY);
    // Looking at what waits behind each of them takes a hundred times as long.
    expect(amongMany).toBeLessThan(8 * alone + 100);
  });

  it("that are both cancelled let sending go on", async () => {
    await using scope = new Scope();
    const { client, server, data, sending, signals, shutdowns } = await twoShutdowns(scope);
    for (const signal of signals) signal.abort();
    for (const shutdown of shutdowns) await failure(shutdown, "ECANCELED");
    const more = client.send("more");
    const last = client.shutdown();
    const expected = Buffer.concat([data, Buffer.from("more")]);
    expect(difference(await receiveToEnd(server), expected)).toBe("");
    await Promise.all([sending, more, last]);
  });
});
