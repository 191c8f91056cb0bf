import { CompletionPort, type TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { difference, pattern, receive, receiveToEnd } from "../support/bytes.js";
import { Completions } from "../support/completions.js";
import { accepted, narrow, pair, STALLING_SIZE } from "../support/peers.js";
import { Scope } from "../support/scope.js";
import { note } from "../support/wait.js";

const indexes = (length: number) => Array.from({ length }, (_, index) => index);

describe("sends on one socket", () => {
  it("complete in the order of the calls, also where a later one is done at once", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope);
    for (let round = 0; round < 20; round++) {
      const order: string[] = [];
      const operation = new Completions(CompletionPort.default, () => order.push("operation"));
      operation.operation.send(client, "a");
      const later = client.send("b").then(() => order.push("promise"));
      const last = client.send(pattern(20_000)).then(() => order.push("large"));
      await Promise.all([operation.nth(1), later, last, receive(server, 20_002)]);
      expect(order).toEqual(["operation", "promise", "large"]);
    }
  });

  it("in every form reach the peer in the order of the calls", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    const receiving = receiveToEnd(server);
    const expected: Uint8Array[] = [];
    const completions: Promise<unknown>[] = [];
    for (let index = 0; index < 200; index++) {
      const bytes = pattern(1 + ((index * 104_729) % 50_000), index);
      expected.push(bytes);
      switch (index % 4) {
        case 0:
          completions.push(client.send(bytes));
          break;
        case 1:
          client.write(bytes);
          break;
        case 2:
          completions.push(client.send([bytes.subarray(0, 1), bytes.subarray(1)]));
          break;
        default: {
          const operation = new Completions(CompletionPort.default);
          operation.operation.send(client, bytes);
          completions.push(operation.nth(1));
        }
      }
    }
    await client.shutdown();
    await Promise.all(completions);
    expect(difference(await receiving, Buffer.concat(expected))).toBe("");
  });

  it("complete in order although small ones follow one that stalls", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    const order: number[] = [];
    const sends = [pattern(STALLING_SIZE), "1", "", pattern(10), "4", ""].map(async (data, index) => {
      await client.send(data);
      order.push(index);
    });
    await receive(server, STALLING_SIZE + 1 + 10 + 1);
    await Promise.all(sends);
    expect(order).toEqual(indexes(6));
  });

  it("submitted by operation objects complete in order", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    const order: number[] = [];
    const operations = indexes(100).map((index) => {
      const completions = new Completions(CompletionPort.default, () => order.push(index));
      completions.operation.send(client, pattern(30_000, index));
      return completions;
    });
    await receive(server, 100 * 30_000);
    await Promise.all(operations.map((operation) => operation.nth(1)));
    expect(order).toEqual(indexes(100));
  });

  it("are not overtaken by sends that a completion submits", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    const receiving = receiveToEnd(server);
    const expected: string[] = [];
    const send = (text: string) => {
      expected.push(text);
      return client.send(text.repeat(5000));
    };
    const chain = async (name: string) => {
      for (let step = 0; step < 20; step++) await send(`${name}${step}.`);
    };
    await Promise.all(["a", "b", "c", "d"].map(chain));
    await client.shutdown();
    const wanted = Buffer.from(expected.map((text) => text.repeat(5000)).join(""));
    expect(difference(await receiving, wanted)).toBe("");
  });
});

describe("receives on one socket", () => {
  it("in every form take the bytes, and complete, in the order of the calls", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const sent = pattern(90 * 40);
    const order: number[] = [];
    const receives = indexes(90).map(async (index) => {
      const bytes = await receiveOnce(socket, index % 3);
      order.push(index);
      return bytes;
    });
    for (let offset = 0; offset < sent.length; offset += 90)
      await peer.write(sent.subarray(offset, offset + 90));
    await peer.end();
    const chunks = await Promise.all(receives);
    expect(difference(Buffer.concat([...chunks, await receiveToEnd(socket)]), sent)).toBe("");
    expect(order).toEqual(indexes(90));
  });
});

describe("a receive that was cancelled", () => {
  it("is told before the next one gets its bytes, however many completions stand in line", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope);
    await server.send("bytes");
    const log: string[] = [];
    // More of them complete at once than a batch holds; the cancelled receive waits behind them all.
    const sends = indexes(500).map(() => {
      const completions = new Completions(CompletionPort.default);
      completions.operation.send(client, "x");
      return completions.nth(1);
    });
    const controller = new AbortController();
    const first = note(log, "first", client.recv({ signal: controller.signal }));
    const second = note(log, "second", client.recv());
    controller.abort();
    expect(await Promise.all([first, second])).toEqual(["ECANCELED", "done"]);
    expect(log).toEqual(["first", "second"]);
    await Promise.all(sends);
  });
});

describe("both directions of one socket", () => {
  it("keep their own order, and neither waits for the other", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    const there = indexes(100).map((index) => pattern(40_000, index));
    const back = indexes(100).map((index) => pattern(40_000, 1000 + index));
    const run = async (socket: TcpSocket, out: Uint8Array[]) => {
      const receiving = receiveToEnd(socket);
      const sending = Promise.all(out.map((piece) => socket.send(piece))).then(() => socket.shutdown());
      return (await Promise.all([receiving, sending]))[0];
    };
    const [atClient, atServer] = await Promise.all([run(client, there), run(server, back)]);
    expect(difference(atServer, Buffer.concat(there))).toBe("");
    expect(difference(atClient, Buffer.concat(back))).toBe("");
  });
});

describe("different sockets", () => {
  it("do not wait for one that stalls", async () => {
    await using scope = new Scope();
    const stalled = await pair(scope, narrow);
    const sending = stalled.client.send(pattern(STALLING_SIZE));
    for (let round = 0; round < 20; round++) {
      const { client, server } = await pair(scope);
      await client.send("through");
      expect((await receive(server, 7)).toString()).toBe("through");
    }
    await receive(stalled.server, STALLING_SIZE);
    await sending;
  });
});

/** Receives at most 40 bytes in one of three forms. */
async function receiveOnce(socket: TcpSocket, form: number): Promise<Uint8Array> {
  const buffer = new Uint8Array(40);
  if (form === 0) return (await socket.recv({ size: 40 }))!;
  if (form === 1) return buffer.subarray(0, await socket.recvInto(buffer));
  const completions = new Completions(CompletionPort.default);
  completions.operation.recv(socket, buffer);
  const { error, result } = await completions.nth(1);
  if (error) throw error;
  return buffer.subarray(0, result as number);
}
