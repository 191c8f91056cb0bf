import { CompletionPort, connect, listen, type SocketOptions } from "portside";
import { afterEach, describe, expect, it } from "vitest";
import { addon } from "../../dist/src/native.js";
import { difference, pattern, receiveToEnd } from "../support/bytes.js";
import { narrow } from "../support/peers.js";
import { Scope } from "../support/scope.js";

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

describe("requests that Windows refuses for want of memory (WSAENOBUFS)", () => {
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

  it("pause a listener that has no accept left, and it recovers by itself", async () => {
    await using scope = new Scope();
    const shortages: (string | null)[] = [];
    const port = scope.use(new CompletionPort());
    addon.refuseRequests(1);
    const listener = scope.use(
      await listen(
        { host: "127.0.0.1", completionPort: port },
        {
          data: (socket, chunk) => void socket.write(chunk),
          shortage: (_, error) => void shortages.push(error === null ? null : error.code),
        },
      ),
    );
    const connecting = connect({ host: "127.0.0.1", port: listener.address.port });
    const socket = scope.use(await connecting);
    while (shortages.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(port.stats().postedAccepts).toBe(0);
    addon.refuseRequests(0);
    await socket.send("still there");
    expect(Buffer.from((await socket.recv()) ?? []).toString()).toBe("still there");
    expect(shortages).toEqual(["ENOBUFS", null]);
  });
});
