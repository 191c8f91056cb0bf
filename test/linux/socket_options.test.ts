// What options do inside the kernel, which no portable API shows.
import { connect, type SocketOptions, type TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { thrown } from "../support/failure.js";
import { accepted, connected, netServer } from "../support/peers.js";
import { Scope } from "../support/scope.js";
import { option, optionOf } from "./descriptors.js";

const sides: [string, (scope: Scope, options?: SocketOptions) => Promise<{ socket: TcpSocket }>][] = [
  ["an accepted socket", accepted],
  ["a connected socket", connected],
];

function probing(socket: TcpSocket): (number | boolean)[] {
  const { keepAlive, keepIdle, keepInterval, keepCount } = option;
  return [
    optionOf(socket, keepAlive) !== 0,
    ...[keepIdle, keepInterval, keepCount].map((it) => optionOf(socket, it)),
  ];
}

describe.skipIf(process.platform !== "linux").each(sides)("keep-alive of %s", (_, open) => {
  it("has the delay, the interval and the count of its options", async () => {
    await using scope = new Scope();
    const options = { keepAlive: 5000, keepAliveInterval: 3000, keepAliveCount: 4 };
    const { socket } = await open(scope, options);
    expect(probing(socket)).toEqual([true, 5, 3, 4]);
  });

  it("may be set to the limits of the range", async () => {
    await using scope = new Scope();
    const most = 32_767_000;
    const options = { keepAlive: most, keepAliveInterval: most, keepAliveCount: 127 };
    const { socket } = await open(scope, options);
    expect(probing(socket)).toEqual([true, 32_767, 32_767, 127]);
    socket.setKeepAlive(true, 1000, 1000, 1);
    expect(probing(socket)).toEqual([true, 1, 1, 1]);
  });

  it("is as it was after what is refused", async () => {
    await using scope = new Scope();
    const { socket } = await open(scope);
    const before = probing(socket);
    expect(before[0]).toBe(false);
    thrown(() => socket.setKeepAlive(true, 32_768_000), "ERR_OUT_OF_RANGE");
    thrown(() => socket.setKeepAlive(true, 5000, 32_768_000), "ERR_OUT_OF_RANGE");
    thrown(() => socket.setKeepAlive(true, 5000, 5000, 128), "ERR_OUT_OF_RANGE");
    expect(probing(socket)).toEqual(before);
  });

  it("leaves what is not said, or 0, to the system", async () => {
    await using scope = new Scope();
    const { socket } = await open(scope);
    const [, ...usual] = probing(socket);
    socket.setKeepAlive(true, 0);
    expect(probing(socket)).toEqual([true, ...usual]);
    socket.setKeepAlive(false, 0).setKeepAlive(true);
    expect(probing(socket)).toEqual([true, ...usual]);
    expect(probing(socket.setKeepAlive(false))).toEqual([false, ...usual]);
  });

  it("goes with a time-out of its own for bytes that nobody acknowledges", async () => {
    await using scope = new Scope();
    const { socket } = await open(scope, { userTimeout: 12_345 });
    expect(optionOf(socket, option.userTimeout)).toBe(12_345);
    socket.setUserTimeout(500);
    expect(optionOf(socket, option.userTimeout)).toBe(500);
    expect(optionOf(socket.setUserTimeout(0), option.userTimeout)).toBe(0);
  });
});

describe.skipIf(process.platform !== "linux")("a connect from a local address", () => {
  it("leaves the choice of the port to the moment of connecting", async () => {
    await using scope = new Scope();
    const host = "127.0.0.1";
    const server = await netServer(scope, host);
    const socket = scope.use(await connect({ host, port: server.port, localAddress: host }));
    expect(optionOf(socket, option.bindAddressNoPort)).toBe(1);
    expect(socket.localAddress!.port).toBeGreaterThan(0);
  });
});
