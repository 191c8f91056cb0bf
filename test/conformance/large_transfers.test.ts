import { connect } from "portside";
import { describe, expect, it } from "vitest";
import { difference, pattern, receive, receiveToEnd } from "../support/bytes.js";
import { connected, narrow, netServer, pair } from "../support/peers.js";
import { Scope } from "../support/scope.js";
import { turns, watch } from "../support/wait.js";

const MEBIBYTE = 1024 * 1024;

describe("64 MiB through a slow reader", () => {
  const data = pattern(64 * MEBIBYTE);

  it("in one send arrive whole", async () => {
    await using scope = new Scope();
    const { socket, peer } = await connected(scope);
    const sending = socket.send(data).then((length) => socket.shutdown().then(() => length));
    const got = await readSlowly(data.length, () => peer.next());
    expect(difference(got, data)).toBe("");
    expect(await sending).toBe(data.length);
  });

  it("in 1024 outstanding sends arrive whole", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope);
    const piece = data.length / 1024;
    const sends = Array.from({ length: 1024 }, (_, index) =>
      client.send(data.subarray(index * piece, (index + 1) * piece)),
    );
    const ending = client.shutdown();
    const got = await readSlowly(data.length, () => server.recv());
    expect(difference(got, data)).toBe("");
    expect(await Promise.all(sends)).toEqual(Array(1024).fill(piece));
    await ending;
  });

  it("in one gathered send of 4096 pieces arrive whole", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope);
    const piece = data.length / 4096;
    const pieces = Array.from({ length: 4096 }, (_, index) =>
      data.subarray(index * piece, (index + 1) * piece),
    );
    const sending = client.send(pieces).then((length) => client.shutdown().then(() => length));
    const got = await readSlowly(data.length, () => server.recv());
    expect(difference(got, data)).toBe("");
    expect(await sending).toBe(data.length);
  });

  it("by write() arrive whole", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope);
    expect(client.write(data)).toBe(false);
    const ending = client.shutdown();
    const got = await readSlowly(data.length, () => server.recv());
    expect(difference(got, data)).toBe("");
    await ending;
  });

  it("by a fast sender into a receiver's own buffer arrive whole", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope);
    const sending = client.send(data).then(() => client.shutdown());
    const got = new Uint8Array(data.length + 1);
    let length = 0;
    for (let n = -1; n !== 0; length += n) n = await server.recvInto(got.subarray(length));
    expect(difference(got.subarray(0, length), data)).toBe("");
    await sending;
  });
});

describe("8 MiB in both directions at once", () => {
  it("through an echo with small buffers come back whole", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    const data = pattern(8 * MEBIBYTE);
    const echoing = (async () => {
      for await (const chunk of server) await server.send(chunk);
      await server.shutdown();
    })();
    const sending = client.send(data).then(() => client.shutdown());
    expect(difference(await receiveToEnd(client), data)).toBe("");
    await Promise.all([echoing, sending]);
  });
});

describe("10 000 outstanding sends", () => {
  it("on one socket complete exactly once each, in order, and arrive whole", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    const data = pattern(10_000 * 700);
    let completions = 0;
    const sends = Array.from({ length: 10_000 }, async (_, index) => {
      expect(await client.send(data.subarray(index * 700, (index + 1) * 700))).toBe(700);
      if (completions++ !== index) throw new Error(`send ${index} completed as number ${completions}`);
    });
    const ending = client.shutdown();
    expect(difference(await receiveToEnd(server), data)).toBe("");
    await Promise.all([...sends, ending]);
    await turns();
    expect(completions).toBe(10_000);
  });

  it("on a hundred sockets complete exactly once each and arrive whole", async () => {
    await using scope = new Scope();
    const pairs = await Promise.all(Array.from({ length: 100 }, () => pair(scope)));
    await Promise.all(
      pairs.map(async ({ client, server }, index) => {
        const data = pattern(100 * 200, index);
        const sends = Array.from({ length: 100 }, (_, send) =>
          client.send(data.subarray(send * 200, (send + 1) * 200)),
        );
        expect(difference(await receive(server, data.length), data)).toBe("");
        expect(await Promise.all(sends)).toEqual(Array(100).fill(200));
      }),
    );
  });

  it("to a peer that is reset meanwhile complete exactly once each", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    let completions = 0;
    const count = () => {
      completions++;
    };
    const sends = Array.from({ length: 10_000 }, () => client.send(pattern(700)).then(count, count));
    await receive(server, 50_000);
    await server.reset();
    await Promise.all(sends);
    expect(completions).toBe(10_000);
  });
});

describe("small sends in great number", () => {
  it("of one byte each arrive whole", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope);
    const data = pattern(20_000);
    const receiving = receive(server, data.length);
    for (let index = 0; index < data.length; index++) await client.send(data.subarray(index, index + 1));
    expect(difference(await receiving, data)).toBe("");
  });

  it("of empty pieces and bytes in one gathered send arrive whole", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope);
    const data = pattern(5000);
    const pieces = Array.from({ length: 10_000 }, (_, index) =>
      index % 2 === 0 ? data.subarray(index / 2, index / 2 + 1) : new Uint8Array(0),
    );
    expect(await client.send(pieces)).toBe(5000);
    expect(difference(await receive(server, 5000), data)).toBe("");
  });

  it("of text with several bytes a character arrive whole, many in one tick", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope);
    // 24 000 bytes each, of 8000 characters.
    const texts = Array.from({ length: 40 }, (_, index) => String.fromCharCode(0x4e00 + index).repeat(8000));
    const data = Buffer.from(texts.join(""));
    for (const text of texts) client.write(text);
    expect(difference(await receive(server, data.length), data)).toBe("");
  });
});

describe("a send of 0 bytes", () => {
  it.each([
    ["a Uint8Array", new Uint8Array(0)],
    ["a string", ""],
    ["an empty list", []],
    ["a list of nothing", ["", new Uint8Array(0), ""]],
  ])("(%s) completes with 0, and the peer neither receives anything nor sees an end", async (_, data) => {
    await using scope = new Scope();
    const { client, server } = await pair(scope);
    const receiving = server.recv();
    const state = watch(receiving);
    expect(await client.send(data)).toBe(0);
    await turns();
    expect(state.settled).toBe(false);
    await client.send("now");
    expect(Buffer.from((await receiving)!).toString()).toBe("now");
  });

  it("completes after the sends before it", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    const data = pattern(8 * MEBIBYTE);
    const first = watch(client.send(data));
    const empty = client.send("").then(() => first.settled);
    const state = watch(empty);
    await turns();
    expect(state.settled).toBe(false);
    await receive(server, data.length);
    expect(await empty).toBe(true);
  });

  it("a thousand times is a thousand completions", async () => {
    await using scope = new Scope();
    const { client } = await pair(scope);
    const sends = await Promise.all(Array.from({ length: 1000 }, () => client.send("")));
    expect(sends).toEqual(Array(1000).fill(0));
  });
});

describe("a reader that never reads", () => {
  it("holds up neither the other sockets nor the end of the connection", async () => {
    await using scope = new Scope();
    const server = await netServer(scope);
    const socket = scope.use(await connect({ host: "127.0.0.1", port: server.port, ...narrow }));
    const peer = await server.accept();
    const sending = socket.send(pattern(64 * MEBIBYTE)).catch((error) => error.code as string);
    const { client, server: other } = await pair(scope);
    await client.send("meanwhile");
    expect((await receive(other, 9)).toString()).toBe("meanwhile");
    peer.socket.destroy();
    expect(await sending).toMatch(/^(ECONNRESET|EPIPE)$/);
  });
});

/** Takes a turn of the loop after every chunk, and a longer rest now and then, so that the sender must wait. */
async function readSlowly(length: number, next: () => Promise<Uint8Array | null>): Promise<Uint8Array> {
  const got = new Uint8Array(length);
  let offset = 0;
  let resting = 0;
  for (let chunk = await next(); chunk !== null; chunk = await next()) {
    got.set(chunk, offset);
    offset += chunk.length;
    const rest = Math.floor(offset / (4 * MEBIBYTE));
    await turns(rest > resting ? 20 : 1);
    resting = rest;
  }
  return got.subarray(0, offset);
}
