import type { TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { difference, pattern, receive, receiveToEnd } from "../support/bytes.js";
import { dropped } from "../support/dropped.js";
import { PEER_GONE } from "../support/failure.js";
import { narrow, STALLING_SIZE } from "../support/peers.js";
import { pushPair, sides } from "../support/push.js";
import { Recorder } from "../support/recorder.js";
import { Scope } from "../support/scope.js";
import { turns } from "../support/wait.js";

const withoutEnd = (extra = {}) => new Recorder(extra, ["end"]);

describe.each(sides)("$side without an end handler", ({ open }) => {
  it("closes itself after the peer's FIN, and the peer sees our FIN", async () => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await open(scope, withoutEnd());
    await peer.end();
    expect(await peer.readToEnd()).toHaveLength(0);
    await recorder.next("close");
    expect(recorder.names(socket)).toEqual(["open", "close"]);
    expect(socket.closed).toBe(true);
  });

  it("gets all data that lies before the FIN, then close", async () => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await open(scope, withoutEnd());
    const sent = pattern(500_000);
    await peer.write(sent);
    await peer.end();
    await recorder.next("close");
    expect(difference(recorder.bytes(), sent)).toBe("");
    expect(recorder.names(socket)).toEqual(["open", "data", "close"]);
  });

  it("answers to the last data before it closes", async () => {
    await using scope = new Scope();
    const recorder = withoutEnd({ data: (socket: TcpSocket) => void socket.write("answer") });
    const { peer } = await open(scope, recorder);
    await peer.write("question");
    await peer.end();
    const answer = (await peer.readToEnd()).toString();
    expect(answer).toMatch(/^(answer)+$/);
    await recorder.next("close");
  });

  it("delivers data that pause() holds back before it closes", async () => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await open(scope, withoutEnd());
    socket.pause();
    await peer.write("held back");
    await peer.end();
    await turns();
    expect(recorder.names(socket)).toEqual(["open"]);
    socket.resume();
    await recorder.next("close");
    expect(recorder.bytes().toString()).toBe("held back");
    expect(recorder.names(socket)).toEqual(["open", "data", "close"]);
  });

  it("closes after its own FIN and the peer's", async () => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await open(scope, withoutEnd());
    await socket.shutdown();
    expect(await peer.readToEnd()).toHaveLength(0);
    await turns();
    expect(recorder.names(socket)).toEqual(["open"]);
    await peer.write("last");
    await peer.end();
    await recorder.next("close");
    expect(recorder.names(socket)).toEqual(["open", "data", "close"]);
  });
});

describe("a socket with an end handler, whose writes are pending at the peer's FIN,", () => {
  it("hears that they are lost when a reset comes right behind it", async () => {
    await using scope = new Scope();
    const recorder = new Recorder();
    const { socket, client } = await pushPair(scope, recorder, narrow);
    expect(socket.write(pattern(STALLING_SIZE))).toBe(false);
    await turns(50);
    // Both in one tick: the end has not been heard of when sending fails.
    const shutdown = client.shutdown();
    const reset = client.reset();
    await Promise.allSettled([shutdown, reset]);
    await recorder.next("close");
    expect(recorder.count("drain")).toBe(0);
    expect(recorder.names(socket).slice(-2)).toEqual(["error", "close"]);
    expect(recorder.events.find(({ name }) => name === "error")?.error?.code).toMatch(PEER_GONE);
  });
});

describe("a socket without an end handler, whose writes are pending at the peer's FIN,", () => {
  it("closes itself only once they are out, with a FIN behind them", async () => {
    await using scope = new Scope();
    const recorder = withoutEnd();
    const { socket, client } = await pushPair(scope, recorder, narrow);
    const data = pattern(STALLING_SIZE);
    socket.write(data);
    await client.shutdown();
    await turns(50);
    expect(recorder.count("close")).toBe(0);
    expect(socket.closed).toBe(true);
    expect(socket.writableLength).toBeGreaterThan(0);
    expect(difference(await receiveToEnd(client), data)).toBe("");
    await recorder.next("close");
    expect(socket.writableLength).toBe(0);
    expect(recorder.names(socket).filter((name) => name !== "drain")).toEqual(["open", "close"]);
  });

  it("lets pending send()s complete as well", async () => {
    await using scope = new Scope();
    const recorder = withoutEnd();
    const { socket, client } = await pushPair(scope, recorder, narrow);
    const data = pattern(STALLING_SIZE);
    const sending = socket.send(data);
    await client.shutdown();
    await turns(50);
    expect(difference(await receiveToEnd(client), data)).toBe("");
    expect(await sending).toBe(data.length);
    await recorder.next("close");
  });

  it("closes at once when close() is called meanwhile, and discards them", async () => {
    await using scope = new Scope();
    const recorder = withoutEnd();
    const { socket, client } = await pushPair(scope, recorder, narrow);
    socket.write(pattern(STALLING_SIZE));
    await client.shutdown();
    await turns(50);
    await socket.close();
    await recorder.next("close");
    expect(recorder.count("close")).toBe(1);
    expect((await receiveToEnd(client)).length).toBeLessThan(STALLING_SIZE);
  });

  it("closes with an error when the peer resets the connection meanwhile", async () => {
    await using scope = new Scope();
    const recorder = withoutEnd();
    const { socket, client } = await pushPair(scope, recorder, narrow);
    socket.write(pattern(STALLING_SIZE));
    await client.shutdown();
    await turns(50);
    await client.reset();
    await recorder.next("close");
    expect(recorder.names(socket).filter((name) => name !== "error")).toEqual(["open", "close"]);
    expect(recorder.count("error")).toBeLessThanOrEqual(1);
  });
});

describe.each(sides)("$side with an end handler", ({ open }) => {
  it("stays open after the peer's FIN until it is closed", async () => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await open(scope);
    await peer.end();
    await recorder.next("end");
    await turns(50);
    expect(socket.closed).toBe(false);
    expect(recorder.names(socket)).toEqual(["open", "end"]);
    await socket.close();
    await recorder.next("close");
  });

  it("can still send after the peer's FIN", async () => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await open(scope);
    await peer.end();
    await recorder.next("end");
    socket.write("still ");
    expect(await socket.send("here")).toBe(4);
    await socket.shutdown();
    expect((await peer.readToEnd()).toString()).toBe("still here");
  });

  it("can say goodbye and close inside end", async () => {
    await using scope = new Scope();
    const recorder = new Recorder({
      end(socket) {
        socket.write("goodbye");
        void socket.shutdown().then(() => socket.close());
      },
    });
    const { peer } = await open(scope, recorder);
    await peer.end();
    expect((await peer.readToEnd()).toString()).toBe("goodbye");
    await recorder.next("close");
  });

  it("hears of the end once, and of no data after it", async () => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await open(scope);
    await peer.write("x");
    await peer.end();
    await recorder.next("end");
    socket.pause().resume();
    await socket.send("a round trip");
    await peer.read(12);
    await turns();
    expect(recorder.names(socket)).toEqual(["open", "data", "end"]);
  });

  it("still receives after its own FIN", async () => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await open(scope);
    await socket.shutdown();
    expect(await peer.readToEnd()).toHaveLength(0);
    await peer.write("after your FIN");
    expect((await recorder.received(14)).toString()).toBe("after your FIN");
    await peer.end();
    await recorder.next("end");
    await turns();
    expect(recorder.names(socket)).toEqual(["open", "data", "end"]);
  });

  it("does not close itself when both sides have sent their FIN", async () => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await open(scope);
    await socket.shutdown();
    await peer.end();
    await recorder.next("end");
    await turns();
    expect(socket.closed).toBe(false);
    await socket.close();
    await recorder.next("close");
    expect(recorder.names(socket)).toEqual(["open", "end", "close"]);
  });

  it("does not send after its own FIN", async () => {
    await using scope = new Scope();
    const { socket, peer } = await open(scope);
    socket.write("all");
    await socket.shutdown();
    dropped(socket);
    expect((await peer.readToEnd()).toString()).toBe("all");
  });
});

describe("a shutdown in push style", () => {
  it("completes once everything written before is with the operating system", async () => {
    await using scope = new Scope();
    const { socket, client } = await pushPair(scope, new Recorder(), narrow);
    const data = pattern(STALLING_SIZE);
    socket.write(data);
    let done = false;
    const ending = socket.shutdown().then(() => {
      done = true;
    });
    await turns(50);
    expect(done).toBe(false);
    expect(difference(await receiveToEnd(client), data)).toBe("");
    await ending;
    expect(socket.writableLength).toBe(0);
  });

  it("does not keep a drain from coming", async () => {
    await using scope = new Scope();
    const recorder = new Recorder();
    const { socket, client } = await pushPair(scope, recorder, narrow);
    expect(socket.write(pattern(STALLING_SIZE))).toBe(false);
    void socket.shutdown();
    await receive(client, STALLING_SIZE);
    await recorder.next("drain");
  });

  it("works while the socket is paused", async () => {
    await using scope = new Scope();
    const { socket, client } = await pushPair(scope, new Recorder());
    socket.pause();
    socket.write("x");
    await socket.shutdown();
    expect((await receiveToEnd(client)).toString()).toBe("x");
  });
});
