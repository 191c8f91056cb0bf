import { createRequire } from "node:module";
import type { SocketOptions, TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { pair } from "../support/peers.js";
import { Scope } from "../support/scope.js";

// What the kernel says itself of a connection's two ends: only here is it known where to ask.

const koffi = createRequire(import.meta.url)("koffi") as typeof import("koffi");
const libc = koffi.load(null);
const nameCall = ["int", "_Out_ uint8_t *", "_Inout_ uint32_t *"];
const getsockname = libc.func("getsockname", "int", nameCall);
const getpeername = libc.func("getpeername", "int", nameCall);
const getsockopt = libc.func("getsockopt", "int", ["int", "int", "int", "_Out_ int *", "_Inout_ uint32_t *"]);

/** The port of one end; 0 for a descriptor that is no connection. */
function portBy(call: typeof getsockname, descriptor: number): number {
  const address = Buffer.alloc(128);
  return call(descriptor, address, [address.length]) === 0 ? address.readUInt16BE(2) : 0;
}

function descriptorOf(socket: TcpSocket): number {
  const { port } = socket.localAddress!;
  const { port: peer } = socket.remoteAddress!;
  for (let descriptor = 0; descriptor < 1024; descriptor++) {
    if (portBy(getsockname, descriptor) === port && portBy(getpeername, descriptor) === peer)
      return descriptor;
  }
  throw new Error("the connection is not among this process's descriptors");
}

const socketLevel = 1; // SOL_SOCKET
const tcpLevel = 6; // IPPROTO_TCP
const options = {
  sendBufferSize: [socketLevel, 7], // SO_SNDBUF
  receiveBufferSize: [socketLevel, 8], // SO_RCVBUF
  keepAlive: [socketLevel, 9], // SO_KEEPALIVE
  noDelay: [tcpLevel, 1], // TCP_NODELAY
  keepAliveDelay: [tcpLevel, 4], // TCP_KEEPIDLE, seconds
} as const;

function optionOf(socket: TcpSocket, name: keyof typeof options): number {
  const [level, option] = options[name];
  const value = [0];
  expect(getsockopt(descriptorOf(socket), level, option, value, [4])).toBe(0);
  return value[0]!;
}

/** The option at both ends of a connection that was made with these settings: they are to be the same. */
async function atBothEnds(settings: SocketOptions, name: keyof typeof options): Promise<number> {
  await using scope = new Scope();
  const { client, server } = await pair(scope, settings);
  const [there, here] = [optionOf(client, name), optionOf(server, name)];
  expect(here).toBe(there);
  return there;
}

describe("the kernel has", () => {
  it("noDelay on by default, and off where that is said", async () => {
    expect(await atBothEnds({}, "noDelay")).toBe(1);
    expect(await atBothEnds({ noDelay: false }, "noDelay")).toBe(0);
  });

  it("keepAlive off by default, and its delay in seconds", async () => {
    expect(await atBothEnds({}, "keepAlive")).toBe(0);
    expect(await atBothEnds({ keepAlive: true }, "keepAlive")).toBe(1);
    expect(await atBothEnds({ keepAlive: 30_000 }, "keepAlive")).toBe(1);
    expect(await atBothEnds({ keepAlive: 30_000 }, "keepAliveDelay")).toBe(30);
  });

  it("each Buffer's own size, doubled for its bookkeeping (socket(7))", async () => {
    const sizes = { sendBufferSize: 20_000, receiveBufferSize: 30_000 };
    expect(await atBothEnds(sizes, "sendBufferSize")).toBe(40_000);
    expect(await atBothEnds(sizes, "receiveBufferSize")).toBe(60_000);
  });

  it("what setNoDelay() and setKeepAlive() said last", async () => {
    await using scope = new Scope();
    const { client } = await pair(scope);
    client.setNoDelay(false).setKeepAlive(true, 45_000);
    expect([optionOf(client, "noDelay"), optionOf(client, "keepAlive")]).toEqual([0, 1]);
    expect(optionOf(client, "keepAliveDelay")).toBe(45);
    client.setNoDelay().setKeepAlive(false);
    expect([optionOf(client, "noDelay"), optionOf(client, "keepAlive")]).toEqual([1, 0]);
  });
});
