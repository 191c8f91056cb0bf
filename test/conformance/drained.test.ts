import { CompletionPort, type TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { difference, pattern, receive, receiveToEnd } from "../support/bytes.js";
import { failure, PEER_GONE } from "../support/failure.js";
import { accepted, narrow, pair, STALLING_SIZE } from "../support/peers.js";
import { pushPair } from "../support/push.js";
import { Recorder } from "../support/recorder.js";
import { Scope } from "../support/scope.js";
import { note, turns, watch } from "../support/wait.js";

/** A connection whose client has written more than any kernel takes while nobody reads. */
async function stalled(scope: Scope): Promise<{ client: TcpSocket; server: TcpSocket; data: Uint8Array }> {
  const ends = await pair(scope, narrow);
  const data = pattern(STALLING_SIZE);
  ends.client.write(data);
  await turns();
  return { ...ends, data };
}

describe("drained() in pull style", () => {
  it("resolves at once where nothing waits, never from within the call", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope);
    const settled = watch(client.drained());
    expect(settled.settled).toBe(false);
    await client.drained();
    client.write("a little");
    await client.drained();
    expect(client.writableLength).toBe(0);
    expect((await receive(server, 8)).toString()).toBe("a little");
  });

  it("resolves when everything written was handed over, and not before", async () => {
    await using scope = new Scope();
    const { client, server, data } = await stalled(scope);
    const drained = client.drained();
    const state = watch(drained);
    // What two narrow kernels can hold, and a margin: without these bytes the rest cannot be with the OS.
    const missing = STALLING_SIZE / 2;
    const first = await receive(server, STALLING_SIZE - missing);
    await turns();
    expect(state.settled).toBe(false);
    expect(client.writableLength).toBeGreaterThan(0);
    const [rest] = await Promise.all([receive(server, missing), drained]);
    expect(client.writableLength).toBe(0);
    expect(difference(Buffer.concat([first, rest]), data)).toBe("");
  });

  it("lets a slow reader be written to with bounded memory", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    const piece = pattern(300_000);
    const writing = (async () => {
      let most = 0;
      for (let round = 0; round < 30; round++) {
        if (!client.write(piece)) await client.drained();
        most = Math.max(most, client.writableLength);
      }
      client.end();
      await client.drained();
      return most;
    })();
    const received = await receiveToEnd(server);
    expect(await writing).toBeLessThanOrEqual(piece.length);
    expect(received).toHaveLength(30 * piece.length);
    for (let round = 0; round < 30; round++) {
      const at = round * piece.length;
      expect(difference(received.subarray(at, at + piece.length), piece)).toBe("");
    }
  });

  it("completes in its place among sends", async () => {
    await using scope = new Scope();
    const { client, server } = await stalled(scope);
    const order: string[] = [];
    const pending = [
      note(order, "drained 1", client.drained()),
      note(order, "send 1", client.send("one")),
      note(order, "drained 2", client.drained()),
      note(order, "send 2", client.send(pattern(STALLING_SIZE))),
      note(order, "drained 3", client.drained()),
      note(order, "shutdown", client.shutdown()),
      note(order, "drained 4", client.drained()),
    ];
    await turns();
    expect(order).toEqual([]);
    expect(await receiveToEnd(server)).toHaveLength(2 * STALLING_SIZE + 3);
    expect(new Set(await Promise.all(pending))).toEqual(new Set(["done"]));
    expect(order).toEqual([
      "drained 1",
      "send 1",
      "drained 2",
      "send 2",
      "drained 3",
      "shutdown",
      "drained 4",
    ]);
  });

  it("keeps a later send() behind it, although that could be answered at once", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope);
    const order: string[] = [];
    await Promise.all([
      note(order, "drained", client.drained()),
      note(order, "send", client.send("behind it")),
    ]);
    expect(order).toEqual(["drained", "send"]);
    await receive(server, 9);
  });

  it.each(["shutdown", "end"] as const)("after %s() waits for all that was written before", async (way) => {
    await using scope = new Scope();
    const { client, server, data } = await stalled(scope);
    void client[way]();
    const drained = client.drained();
    const state = watch(drained);
    await turns();
    expect(state.settled).toBe(false);
    const [all] = await Promise.all([receiveToEnd(server), drained]);
    expect(difference(all, data)).toBe("");
    await client.drained();
    await client.drained();
  });

  it("sends no FIN, however often it is called", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope);
    client.write("one, ");
    await client.drained();
    await client.drained();
    client.write("two");
    await client.drained();
    expect((await receive(server, 8)).toString()).toBe("one, two");
    const receiving = watch(server.recv());
    await turns();
    expect(receiving.settled).toBe(false);
    client.end();
  });

  it("may be called a thousand times at once", async () => {
    await using scope = new Scope();
    const { client, server } = await stalled(scope);
    const all = Array.from({ length: 1000 }, () => client.drained());
    await turns();
    expect(CompletionPort.default.stats().operations).toBeGreaterThanOrEqual(1000);
    await receive(server, STALLING_SIZE);
    await Promise.all(all);
    expect(CompletionPort.default.stats().operations).toBe(0);
  });

  it("is cancelled by its signal alone; what was written still arrives", async () => {
    await using scope = new Scope();
    const { client, server, data } = await stalled(scope);
    const controller = new AbortController();
    const other = client.drained();
    const cancelled = failure(client.drained({ signal: controller.signal }), "ECANCELED");
    const why = new Error("enough");
    controller.abort(why);
    const error = await cancelled;
    expect(error).toMatchObject({ name: "AbortError", syscall: "drained", cause: why });
    expect((await failure(client.drained({ signal: controller.signal }), "ECANCELED")).name).toBe(
      "AbortError",
    );
    expect(difference(await receive(server, data.length), data)).toBe("");
    await other;
    client.write("goes on");
    expect((await receive(server, 7)).toString()).toBe("goes on");
  });

  it("that is cancelled behind a shutdown() leaves the FIN where it is", async () => {
    await using scope = new Scope();
    const { client, server, data } = await stalled(scope);
    const ending = client.shutdown();
    const controller = new AbortController();
    const cancelled = failure(client.drained({ signal: controller.signal }), "ECANCELED");
    controller.abort();
    await cancelled;
    expect(client.write("too late")).toBe(false);
    expect(difference(await receiveToEnd(server), data)).toBe("");
    await ending;
  });

  it("behind a shutdown() that is cancelled sends no FIN of its own", async () => {
    await using scope = new Scope();
    const { client, server, data } = await stalled(scope);
    const controller = new AbortController();
    const ending = failure(client.shutdown({ signal: controller.signal }), "ECANCELED");
    const drained = client.drained();
    controller.abort();
    await ending;
    expect(client.write("goes on")).toBe(false);
    const [all] = await Promise.all([receive(server, data.length + 7), drained]);
    expect(all.subarray(data.length).toString()).toBe("goes on");
    expect(await client.send(", and on")).toBe(8);
    expect((await receive(server, 8)).toString()).toBe(", and on");
  });

  it.each(["close", "reset"] as const)(
    "is ended by %s() with ECANCELED, before that is done",
    async (way) => {
      await using scope = new Scope();
      const { client } = await stalled(scope);
      const order: string[] = [];
      const drained = note(order, "drained", client.drained());
      await turns();
      await note(order, way, client[way]());
      expect(await drained).toBe("ECANCELED");
      expect(order).toEqual(["drained", way]);
      await failure(client.drained(), "EBADF");
    },
  );

  it("rejects when the connection is lost while something waits", async () => {
    await using scope = new Scope();
    const { client, server } = await stalled(scope);
    const drained = failure(client.drained(), PEER_GONE);
    await server.reset();
    expect((await drained).syscall).toBe("drained");
    expect(client.write("too late")).toBe(false);
  });

  it("rejects when the connection was lost before, with something written", async () => {
    await using scope = new Scope();
    const { client, server } = await stalled(scope);
    await server.reset();
    await failure(client.recv(), "ECONNRESET");
    await failure(client.drained(), PEER_GONE);
  });

  it("refuses options that are none", async () => {
    await using scope = new Scope();
    const { socket } = await accepted(scope);
    await failure(socket.drained({ sgnal: 1 } as never), "ERR_INVALID_ARG_VALUE");
    await failure(socket.drained({ signal: "no" as never }), "ERR_INVALID_ARG_TYPE");
    await socket.drained();
  });
});

describe("drained() in push style", () => {
  it("resolves as well, beside drain", async () => {
    await using scope = new Scope();
    const recorder = new Recorder();
    const { socket, client } = await pushPair(scope, recorder, narrow);
    expect(socket.write(pattern(STALLING_SIZE))).toBe(false);
    const drained = socket.drained();
    await Promise.all([receive(client, STALLING_SIZE), drained]);
    await recorder.next("drain");
  });
});
