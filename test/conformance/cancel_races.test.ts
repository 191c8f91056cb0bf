import { getEventListeners } from "node:events";
import { connect, listen, type TcpListener, type TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { pattern, receive } from "../support/bytes.js";
import { failure } from "../support/failure.js";
import { narrow, netClient, pair, STALLING_SIZE } from "../support/peers.js";
import { Scope } from "../support/scope.js";
import { turns } from "../support/wait.js";

describe("a canceled accept", () => {
  it("takes no connection", async () => {
    await using scope = new Scope();
    const listener = scope.use(await listen({ host: "127.0.0.1" }));
    const controller = new AbortController();
    const canceled = failure(listener.accept({ signal: controller.signal }), "ECANCELED");
    await turns(2);
    controller.abort();
    await canceled;
    const peer = await netClient(scope, listener.address.port);
    expect(scope.use(await listener.accept()).remoteAddress!.port).toBe(peer.socket.localPort);
  });

  it("racing with a connection never loses it", async () => {
    await using scope = new Scope();
    const listener = scope.use(await listen({ host: "127.0.0.1" }));
    for (let round = 0; round < 60; round++) {
      const controller = new AbortController();
      const pending = listener.accept({ signal: controller.signal });
      const connecting = connect({ host: "127.0.0.1", port: listener.address.port });
      if (round % 3 > 0) await turns((round % 3) - 1);
      controller.abort();
      const socket = await pending.catch(() => listener.accept());
      const client = await connecting;
      expect(socket.remoteAddress!.port).toBe(client.localAddress!.port);
      await Promise.all([socket.close(), client.close()]);
    }
  });
});

describe("a canceled connect", () => {
  it("racing with its success gives the socket or the AbortError, and never both or neither", async () => {
    await using scope = new Scope();
    const listener = scope.use(await listen({ host: "127.0.0.1" }));
    const sockets: TcpSocket[] = [];
    void drain(listener, sockets);
    const before = { connected: 0, canceled: 0 };
    for (let round = 0; round < 60; round++) {
      const controller = new AbortController();
      const connecting = connect({
        host: "127.0.0.1",
        port: listener.address.port,
        signal: controller.signal,
      });
      if (round % 4 > 0) await turns((round % 4) - 1);
      controller.abort();
      await connecting.then(
        async (socket) => {
          before.connected++;
          await socket.send("alive");
          await socket.close();
        },
        (error) => {
          expect(error).toMatchObject({ name: "AbortError", code: "ECANCELED" });
          before.canceled++;
        },
      );
    }
    expect(before.connected + before.canceled).toBe(60);
    await listener.close();
    await Promise.all(sockets.map((socket) => socket.close()));
  });

  it("has no effect on the socket once it is there", async () => {
    await using scope = new Scope();
    const listener = scope.use(await listen({ host: "127.0.0.1" }));
    const controller = new AbortController();
    const [socket, client] = await Promise.all([
      listener.accept(),
      connect({ host: "127.0.0.1", port: listener.address.port, signal: controller.signal }),
    ]);
    scope.use(socket);
    scope.use(client);
    controller.abort();
    await turns(3);
    await client.send("alive");
    expect((await receive(socket, 5)).toString()).toBe("alive");
  });
});

describe("cancel and close at the same time", () => {
  it.each([
    ["abort first", true],
    ["close first", false],
  ])("(%s) give every operation one completion", async (_, abortFirst) => {
    for (let round = 0; round < 20; round++) {
      await using scope = new Scope();
      const { client, server } = await pair(scope, narrow);
      const controller = new AbortController();
      const { signal } = controller;
      let completions = 0;
      const pending = [
        client.recv({ signal }),
        client.send(pattern(STALLING_SIZE), { signal }),
        client.recvInto(new Uint8Array(10), { signal }),
        client.shutdown({ signal }),
        server.recvInto(new Uint8Array(10), { signal }),
      ].map((operation) =>
        (operation as Promise<unknown>).then(
          () => completions++,
          () => completions++,
        ),
      );
      await turns(round % 3);
      if (abortFirst) controller.abort();
      const closing = client.close();
      controller.abort();
      await Promise.all([closing, ...pending]);
      await turns(2);
      expect(completions).toBe(5);
      expect(getEventListeners(signal, "abort")).toHaveLength(0);
    }
  });
});

async function drain(listener: TcpListener, sockets: TcpSocket[]): Promise<void> {
  for await (const socket of listener) sockets.push(socket);
}
