import { connect, type ListenOptions, listen } from "portside";
import { describe, expect, it } from "vitest";
import { difference, pattern, receiveToEnd } from "../support/bytes.js";
import { Scope } from "../support/scope.js";

const host = "127.0.0.1";

// Where the OS does not accept ahead these have no effect, and the same program runs.
const options: [string, ListenOptions][] = [
  ["acceptLowWaterMark and acceptHighWaterMark", { acceptLowWaterMark: 2, acceptHighWaterMark: 4 }],
  ["acceptData", { acceptData: true, acceptTimeout: 10_000 }],
  ["unbufferedSends", { unbufferedSends: true }],
];

describe("an option for systems that accept ahead, or send without a buffer", () => {
  it.each(options)("is taken everywhere, and every byte arrives: %s", async (_, option) => {
    await using scope = new Scope();
    const listener = scope.use(await listen({ host, ...option }));
    const { port } = listener.address;
    const bytes = pattern(300_000);
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        const accepting = listener.accept();
        const { unbufferedSends } = option;
        const client = scope.use(await connect({ host, port, unbufferedSends }));
        const answered = receiveToEnd(client);
        await client.send("go");
        const server = scope.use(await accepting);
        expect(Buffer.from((await server.recv())!).toString()).toBe("go");
        await server.send(bytes);
        await server.shutdown();
        expect(difference(await answered, bytes)).toBe("");
      }),
    );
  });
});
