import type { TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { difference, pattern, receiveToEnd } from "../support/bytes.js";
import { narrow, STALLING_SIZE } from "../support/peers.js";
import { pushPair, sides } from "../support/push.js";
import { Recorder } from "../support/recorder.js";
import { Scope } from "../support/scope.js";
import { turns } from "../support/wait.js";

describe.each(sides)("pause and resume on $side", ({ open }) => {
  it("give back the socket and set `paused`", async () => {
    await using scope = new Scope();
    const { socket } = await open(scope);
    expect(socket.paused).toBe(false);
    expect(socket.pause()).toBe(socket);
    expect(socket.paused).toBe(true);
    expect(socket.resume()).toBe(socket);
    expect(socket.paused).toBe(false);
  });

  it("hold data back from the moment pause() returns", async () => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await open(scope);
    socket.pause();
    const sent = pattern(200_000);
    const writing = peer.write(sent);
    await turns(50);
    expect(recorder.count("data")).toBe(0);
    socket.resume();
    expect(difference(await recorder.received(sent.length), sent)).toBe("");
    await writing;
  });

  it("hold data back inside data, although more has already arrived", async () => {
    await using scope = new Scope();
    const recorder = new Recorder({ data: (socket) => void socket.pause() });
    const { socket, peer } = await open(scope, recorder);
    const sent = pattern(400_000);
    const writing = peer.write(sent);
    let calls = 0;
    while (recorder.bytes().length < sent.length) {
      await recorder.next("data", ++calls);
      await turns(3);
      expect(recorder.count("data")).toBe(calls);
      expect(socket.paused).toBe(true);
      socket.resume();
    }
    await writing;
    expect(difference(recorder.bytes(), sent)).toBe("");
  });

  it("hold data back when pause() is called in open", async () => {
    await using scope = new Scope();
    const recorder = new Recorder({ open: (socket) => void socket.pause() });
    const { socket, peer } = await open(scope, recorder);
    await peer.write("waits");
    await turns();
    expect(recorder.names()).toEqual(["open"]);
    socket.resume();
    expect((await recorder.received(5)).toString()).toBe("waits");
  });

  it("lose, double and move nothing when called at any moment of a stream", async () => {
    await using scope = new Scope();
    let held = 0;
    const recorder = new Recorder({
      data(socket) {
        if (socket.paused) held++;
      },
    });
    const { socket, peer } = await open(scope, recorder);
    const sent = pattern(3_000_000);
    const writing = peer.write(sent);
    for (let step = 0; recorder.bytes().length < sent.length; step++) {
      socket.pause();
      await turns(step % 4);
      socket.resume();
      if (step % 3 === 0) socket.pause().resume();
      await turns(step % 5);
    }
    await writing;
    expect(held).toBe(0);
    expect(difference(recorder.bytes(), sent)).toBe("");
  });

  it("leave nothing held back after pause() and resume() in the same tick", async () => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await open(scope);
    await peer.write("one");
    await recorder.received(3);
    socket.pause().resume();
    await peer.write("two");
    await recorder.received(6);
    socket.pause();
    await turns();
    await peer.write("three");
    await turns();
    socket.resume().pause().resume();
    expect((await recorder.received(11)).toString()).toBe("onetwothree");
  });

  it("are harmless when repeated", async () => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await open(scope);
    socket.resume().resume();
    socket.pause().pause();
    await peer.write("x");
    await turns();
    expect(recorder.count("data")).toBe(0);
    socket.resume();
    await recorder.received(1);
  });

  it("do not let the end overtake data that is held back", async () => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await open(scope);
    socket.pause();
    await peer.write(pattern(100_000));
    await peer.end();
    await turns(50);
    expect(recorder.names(socket)).toEqual(["open"]);
    socket.resume();
    await recorder.next("end");
    expect(recorder.names(socket)).toEqual(["open", "data", "end"]);
    expect(difference(recorder.bytes(), pattern(100_000))).toBe("");
  });

  it("leave sending alone", async () => {
    await using scope = new Scope();
    const { socket, peer } = await open(scope);
    socket.pause();
    socket.write("out ");
    expect(await socket.send("and out")).toBe(7);
    expect((await peer.read(11)).toString()).toBe("out and out");
  });

  it("do not keep a paused socket from closing", async () => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await open(scope);
    socket.pause();
    await peer.write("never seen");
    await socket.close();
    await recorder.next("close");
    await turns();
    expect(recorder.names(socket)).toEqual(["open", "close"]);
  });

  it("show a reset that came meanwhile at the latest after resume()", async () => {
    await using scope = new Scope();
    const { socket, peer, recorder } = await open(scope);
    socket.pause();
    await peer.reset();
    await turns();
    if (!socket.closed) socket.resume();
    await recorder.next("close");
    expect(recorder.names(socket)).toEqual(["open", "error", "close"]);
  });
});

describe("pause", () => {
  it("makes the peer's sends stall, and resume() lets them go on", async () => {
    await using scope = new Scope();
    const recorder = new Recorder();
    const { socket, client } = await pushPair(scope, recorder, narrow);
    socket.pause();
    const data = pattern(STALLING_SIZE);
    let done = false;
    const sending = client.send(data).then(() => {
      done = true;
    });
    await turns(50);
    expect(done).toBe(false);
    socket.resume();
    expect(difference(await recorder.received(data.length), data)).toBe("");
    await sending;
  });

  it("of one socket leaves the others their data", async () => {
    await using scope = new Scope();
    const first = new Recorder();
    const second = new Recorder();
    const one = await pushPair(scope, first);
    const two = await pushPair(scope, second);
    one.socket.pause();
    await one.client.send("held");
    for (let round = 1; round <= 20; round++) {
      await two.client.send("x");
      await second.received(round);
    }
    expect(first.count("data")).toBe(0);
    one.socket.resume();
    await first.received(4);
  });

  it("called by another socket's handler in the same batch holds at once", async () => {
    await using scope = new Scope();
    const sockets: TcpSocket[] = [];
    let pausing = false;
    const recorder = new Recorder({
      open: (socket) => void sockets.push(socket),
      data(socket) {
        if (pausing) for (const other of sockets) if (other !== socket) other.pause();
        pausing = false;
      },
    });
    const pairs = await Promise.all(Array.from({ length: 30 }, () => pushPair(scope, recorder)));
    pausing = true;
    await Promise.all(pairs.map(({ client }) => client.send("x")));
    await recorder.next("data");
    await turns();
    expect(recorder.count("data")).toBe(1);
    for (const socket of sockets) socket.resume();
    await recorder.next("data", 30);
    expect(recorder.bytes()).toHaveLength(30);
    await Promise.all(sockets.map((socket) => socket.close()));
  });
});

describe("resume", () => {
  it("called by another socket's handler in the same batch hands over first what was kept", async () => {
    await using scope = new Scope();
    const kept = new Recorder();
    const wide = { receiveBufferSize: 1024 * 1024, sendBufferSize: 1024 * 1024 };
    const middle = await pushPair(scope, kept, wide);
    const pausing = await pushPair(scope, new Recorder({ data: () => void middle.socket.pause() }));
    const resuming = await pushPair(scope, new Recorder({ data: () => void middle.socket.resume() }));
    // The kernel takes as much at once only of a stream that has been flowing.
    const before = pattern(1_000_000, 7);
    await middle.client.send(before);
    await kept.received(before.length);
    for (let round = 1; round <= 5; round++) {
      // More than one receive's bytes, so that some come before resume() and some after it.
      const sent = pattern(130_000, round);
      const length = kept.length;
      // While JavaScript is busy here, all three arrive.
      void pausing.client.send("pause");
      void middle.client.send(sent);
      void resuming.client.send("resume");
      await kept.received(length + sent.length);
      expect(difference(kept.bytes().subarray(length), sent)).toBe("");
    }
  });
});

describe("an echo that pauses while its own writes are queued", () => {
  it("passes 16 MiB unchanged to a slow reader and never queues more than one chunk too many", async () => {
    await using scope = new Scope();
    let most = 0;
    let largest = 0;
    const recorder = new Recorder({
      data(socket, chunk) {
        largest = Math.max(largest, chunk.length);
        if (!socket.write(chunk)) socket.pause();
        most = Math.max(most, socket.writableLength);
      },
      drain: (socket) => void socket.resume(),
      end: (socket) => void socket.shutdown(),
    });
    const { client } = await pushPair(scope, recorder, narrow);
    const data = pattern(16 * 1024 * 1024);
    const sending = client.send(data).then(() => client.shutdown());
    expect(difference(await receiveToEnd(client), data)).toBe("");
    await sending;
    expect(most).toBeLessThan(65_536 + largest);
  });
});
