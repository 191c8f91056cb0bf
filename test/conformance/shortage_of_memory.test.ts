import { CompletionPort, connect, listen, type SocketOptions } from "portside";
import { afterEach, describe, expect, it } from "vitest";
import { addon } from "../../dist/src/native.js";
import { difference, pattern, receive, receiveToEnd } from "../support/bytes.js";
import { narrow, pair, STALLING_SIZE } from "../support/peers.js";
import { pushPair } from "../support/push.js";
import { Recorder } from "../support/recorder.js";
import { Scope } from "../support/scope.js";
import { turns, until } from "../support/wait.js";

const CONNECTIONS = 20;
const SIZE = 200_000;

afterEach(() => {
  addon.refuseRequests(0);
});

/** Echoes through that many connections at once while every so many requests are refused; gives the retries. */
async function echoWhileShort(every: number, options: SocketOptions): Promise<number> {
  await using scope = new Scope();
  const port = scope.use(new CompletionPort());
  const own = { ...narrow, ...options, completionPort: port, host: "127.0.0.1" };
  const listener = scope.use(await listen(own));
  addon.refuseRequests(every);
  const echo = async () => {
    await using socket = await listener.accept();
    for (let left = SIZE; left > 0; ) {
      const chunk = await socket.recv();
      if (chunk === null) break;
      left -= chunk.length;
      await socket.send(chunk);
    }
    await socket.shutdown();
    expect(await socket.recv()).toBeNull();
  };
  const client = async (_: unknown, index: number) => {
    await using socket = await connect({ ...own, port: listener.address.port });
    const data = pattern(SIZE, index);
    const sending = socket.send(data);
    expect(difference(await receiveToEnd(socket), data)).toBe("");
    expect(await sending).toBe(SIZE);
    await socket.shutdown();
  };
  await Promise.all([
    ...Array.from({ length: CONNECTIONS }, echo),
    ...Array.from({ length: CONNECTIONS }, client),
  ]);
  addon.refuseRequests(0);
  return port.stats().retries;
}

describe("sends and receives that the OS refuses for want of memory (ENOBUFS)", () => {
  it.each([
    { every: 3, unbufferedSends: false },
    { every: 7, unbufferedSends: false },
    { every: 5, unbufferedSends: true },
  ])(
    "are made again: no byte is lost, and stats() tells ($every, unbuffered: $unbufferedSends)",
    async ({ every, unbufferedSends }) => {
      expect(await echoWhileShort(every, { unbufferedSends })).toBeGreaterThan(0);
    },
  );

  it("all of them, wait without spinning, and go on by themselves afterwards", async () => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort());
    const { client, server } = await pair(scope, { completionPort: port });
    addon.refuseRequests(1);
    const sending = Promise.all([client.send("first "), client.send("second")]);
    const shutdown = client.shutdown();
    const receiving = receiveToEnd(server);
    const before = port.stats();
    // Each retry waits its time.
    await until(() => port.stats().retries >= before.retries + 5);
    expect(port.stats().polls - before.polls).toBeLessThan(500);
    addon.refuseRequests(0);
    expect((await receiving).toString()).toBe("first second");
    expect(await sending).toEqual([6, 6]);
    await shutdown;
  });

  it("delay a push-style socket's data and drain, and lose neither", async () => {
    await using scope = new Scope();
    const recorder = new Recorder();
    const { socket, client } = await pushPair(scope, recorder, narrow);
    addon.refuseRequests(4);
    const data = pattern(STALLING_SIZE / 4);
    expect(socket.write(data)).toBe(false);
    await client.send("a question");
    expect(difference(await receive(client, data.length), data)).toBe("");
    await recorder.next("drain");
    expect((await recorder.received(10)).toString()).toBe("a question");
    expect(recorder.count("error")).toBe(0);
  });

  it("are ended by close() like all others", async () => {
    await using scope = new Scope();
    const { client } = await pair(scope);
    addon.refuseRequests(1);
    const codes = [client.recv(), client.send("never")].map((pending) =>
      pending.then(
        () => "done",
        (error: { code: string }) => error.code,
      ),
    );
    await turns();
    await client.close();
    expect(await Promise.all(codes)).toEqual(["ECANCELED", "ECANCELED"]);
  });
});
