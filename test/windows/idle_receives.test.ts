import { CompletionPort, connect, listen, type TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { pattern, receive } from "../support/bytes.js";
import { Scope } from "../support/scope.js";
import { turns, until } from "../support/wait.js";

/** Connections whose both ends are on one port: pull style here, handlers that send back there. */
async function connections(scope: Scope, port: CompletionPort, count: number): Promise<TcpSocket[]> {
  let opened = 0;
  const listener = await listen(
    { host: "127.0.0.1", backlog: 4096, completionPort: port },
    {
      open: () => {
        opened++;
      },
      data: (socket, chunk) => void socket.write(chunk),
    },
  );
  const sockets = await Promise.all(
    Array.from({ length: count }, () =>
      connect({ host: "127.0.0.1", port: listener.address.port, completionPort: port }),
    ),
  );
  for (const socket of sockets) scope.use(socket);
  await until(() => opened === count);
  await listener.close();
  return sockets;
}

describe("idle connections", () => {
  it("have receives posted, and hold no buffer for any of 3000, at either end", async () => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort());
    const sockets = await connections(scope, port, 3000);
    const waiting = sockets.map((socket) => socket.recv());
    await turns();
    expect(port.stats()).toMatchObject({ handles: 6000, operations: 3000, receiveBuffers: 0 });
    expect(port.stats().postedReceives).toBe(6000);

    await Promise.all(sockets.map((socket) => socket.send("hello")));
    for (const chunk of await Promise.all(waiting)) expect(Buffer.from(chunk!).toString()).toBe("hello");
    await turns();
    expect(port.stats()).toMatchObject({ operations: 0, receiveBuffers: 0, postedSends: 0 });
  });

  it("hold none again after traffic that filled buffers", async () => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort());
    const sockets = await connections(scope, port, 300);
    const message = pattern(20_000);
    const echoes = sockets.map((socket) => receive(socket, message.length));
    await Promise.all(sockets.map((socket) => socket.send(message)));
    for (const echo of await Promise.all(echoes)) expect(Buffer.compare(echo, message)).toBe(0);
    const waiting = sockets.map((socket) => socket.recv());
    await turns();
    expect(port.stats()).toMatchObject({
      operations: 300,
      receiveBuffers: 0,
      postedSends: 0,
      bytesQueued: 0,
    });
    await Promise.all(sockets.map((socket) => socket.shutdown()));
    for (const end of await Promise.all(waiting)) expect(end).toBeNull();
  });
});
