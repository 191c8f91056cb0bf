import { type CompletionPort, connect, listen } from "portside";
import { expect } from "vitest";
import { pattern, receive } from "./bytes.js";

const loopback = { host: "127.0.0.1" };

/** Connects, sends 1000 bytes and has them sent back, `count` times at once, all on one port; closes everything. */
export async function echo(port: CompletionPort, count: number): Promise<void> {
  await using listener = await listen({ ...loopback, completionPort: port });
  const serving = (async () => {
    await Promise.all(
      Array.from({ length: count }, async () => {
        await using socket = await listener.accept();
        await socket.send(await receive(socket, 1000));
        expect(await socket.recv()).toBeNull();
      }),
    );
  })();
  await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      await using socket = await connect({ ...loopback, port: listener.address.port, completionPort: port });
      const data = pattern(1000, index);
      await socket.send(data);
      expect(Buffer.compare(await receive(socket, 1000), data)).toBe(0);
      await socket.shutdown();
    }),
  );
  await serving;
}
