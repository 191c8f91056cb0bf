import { CompletionPort, type TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { pattern, receive } from "../support/bytes.js";
import { failure } from "../support/failure.js";
import { accepted, connected, narrow, pair, STALLING_SIZE } from "../support/peers.js";
import { pushAccepted } from "../support/push.js";
import { Recorder } from "../support/recorder.js";
import { Scope } from "../support/scope.js";
import { turns } from "../support/wait.js";

const everyOption = (socket: TcpSocket) =>
  socket.setNoDelay(true).setNoDelay(false).setKeepAlive(true).setKeepAlive(true, 5000).setKeepAlive(false);

describe.each([
  { side: "an accepted socket", open: accepted },
  { side: "a connected socket", open: connected },
])("$side that its peer has reset", ({ open }) => {
  it("takes every option without an error, and the receive tells of the reset", async () => {
    await using scope = new Scope();
    const { socket, peer } = await open(scope);
    await peer.reset();
    // Before the engine has heard of it, and while it hears.
    for (let turn = 0; turn < 5; turn++) {
      expect(everyOption(socket)).toBe(socket);
      await turns(1);
    }
    await failure(socket.recv(), "ECONNRESET");
    expect(everyOption(socket)).toBe(socket);
  });

  it("refuses a shutdown with ENOTCONN, or with what the receive has told", async () => {
    await using scope = new Scope();
    const { socket, peer } = await open(scope);
    await peer.reset();
    await turns();
    await failure(socket.shutdown(), /^(ENOTCONN|ECONNRESET)$/);
    await failure(socket.recv(), "ECONNRESET");
    await failure(socket.shutdown(), /^(ENOTCONN|ECONNRESET)$/);
  });

  it("refuses the first send, and all others, with ECONNRESET", async () => {
    await using scope = new Scope();
    const { socket, peer } = await open(scope);
    await peer.reset();
    await turns();
    for (let round = 0; round < 3; round++) await failure(socket.send("hello?"), "ECONNRESET");
    await failure(socket.recv(), "ECONNRESET");
  });
});

describe("sends that wait", () => {
  it("end with ECONNRESET when the peer resets the connection, all of them", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    const sends = Array.from({ length: 3 }, () => client.send(pattern(STALLING_SIZE)));
    const shutdown = client.shutdown();
    const outcomes = Promise.all([
      ...sends.map((send) => failure(send, "ECONNRESET")),
      failure(shutdown, "ECONNRESET"),
    ]);
    await receive(server, 1000);
    await server.reset();
    await outcomes;
  });
});

describe("options of a push-style socket in its last handlers", () => {
  it("do not throw there either", async () => {
    await using scope = new Scope();
    const recorder = new Recorder({ error: (socket) => void everyOption(socket) });
    const { socket, peer } = await pushAccepted(scope, recorder);
    await peer.reset();
    await recorder.next("close");
    expect(recorder.names(socket)).toEqual(["open", "error", "close"]);
  });
});

describe("the peer's address", () => {
  it("can still be had after its reset, where the system keeps it", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const address = { address: "127.0.0.1", family: "IPv4", port: peer.socket.localPort };
    await peer.reset();
    await failure(socket.recv(), "ECONNRESET");
    const keepsIt = CompletionPort.default.backend === "epoll";
    expect(keepsIt ? [address] : [address, undefined]).toContainEqual(socket.remoteAddress);
  });
});
