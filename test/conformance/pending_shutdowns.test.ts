import { describe, expect, it } from "vitest";
import { difference, pattern, receiveToEnd } from "../support/bytes.js";
import { dropped } from "../support/dropped.js";
import { failure } from "../support/failure.js";
import { narrow, pair, STALLING_SIZE } from "../support/peers.js";
import { Scope } from "../support/scope.js";

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

  it("resolve both, the second behind another whose FIN the peer has acknowledged", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    await server.shutdown();
    expect(await client.recv()).toBeNull();
    const sending = client.send(pattern(STALLING_SIZE));
    const shutdowns = [client.shutdown(), client.shutdown()];
    await receiveToEnd(server);
    await Promise.all([sending, ...shutdowns]);
    await client.shutdown();
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
