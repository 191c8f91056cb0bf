import type { PortStats } from "portside";
import { describe, expect, it } from "vitest";
import { type NetPeer, netClient } from "../support/peers.js";
import { Controlled, howItEnds, roundTrip } from "../support/push.js";
import { Scope } from "../support/scope.js";
import { deferred, until } from "../support/wait.js";

const BURST = 200;
const SHORT = /^(EMFILE|ENFILE|ENOBUFS|ENOMEM)$/;

interface Burst {
  /** Resolves when all connections were echoed and are over. */
  readonly done: Promise<void>;
  /** Lets those that were echoed end, and make room. */
  release(): void;
  echoed(): number;
}

/** Connections that begin at once, send a message each, get it back, and then stay until they are released. */
function burst(scope: Scope, port: number): Burst {
  const gate = deferred();
  let echoed = 0;
  const one = async (index: number) => {
    const peer = await netClient(scope, port);
    await roundTrip(peer, `message of ${index}`);
    echoed++;
    await gate.promise;
    await peer.end();
    expect(await howItEnds(peer)).toBe("end");
  };
  const done = Promise.all(Array.from({ length: BURST }, (_, index) => one(index))).then(() => {});
  done.catch(() => {});
  return { done, release: gate.resolve, echoed: () => echoed };
}

async function established(scope: Scope, port: number): Promise<NetPeer[]> {
  const peers = await Promise.all(Array.from({ length: 5 }, () => netClient(scope, port)));
  for (const peer of peers) await roundTrip(peer);
  return peers;
}

/** The server's statistics, as soon as they are what is waited for. */
async function statsWhen(server: Controlled, condition: (stats: PortStats) => boolean): Promise<PortStats> {
  for (;;) {
    await server.tell("stats");
    const stats = await server.report<PortStats>("stats");
    if (condition(stats)) return stats;
  }
}

describe("EMFILE in a burst of 200 connections", () => {
  it("is reported to the shortage handler, and its end as well", async () => {
    await using scope = new Scope();
    const server = await Controlled.start(scope, "push_shortage.mjs", ["push"]);
    const { done, release } = burst(scope, await server.report<number>("port"));
    expect(await server.report("shortage")).toMatch(SHORT);
    release();
    await done;
    // Over when only the listener is left: then nothing can be short any more.
    await statsWhen(server, (stats) => stats.handles === 1);
    // Several shortages may follow each other; each has its end, and they do not overlap.
    const reports = server.reports.filter((report) => "shortage" in report);
    expect(reports.length % 2).toBe(0);
    reports.forEach(({ shortage, shape }, index) => {
      if (index % 2 === 0) expect(shortage).toMatch(SHORT);
      else expect(shortage).toBeNull();
      expect(shape).toBe(true);
    });
    await server.tell("quit");
    await server.ended();
  });

  it("is reported to have ended although no client waits any more", async () => {
    await using scope = new Scope();
    const server = await Controlled.start(scope, "push_shortage.mjs", ["push"]);
    const port = await server.report<number>("port");
    // One after the other, so that each is served before the next one comes: the last descriptor goes to a client.
    const peers: NetPeer[] = [];
    while (!server.reports.some((report) => "shortage" in report)) {
      expect(peers.length).toBeLessThan(BURST);
      const peer = await netClient(scope, port);
      peers.push(peer);
      await roundTrip(peer);
      await server.tell("stats");
      await server.report("stats");
    }
    expect(await server.report("shortage")).toMatch(SHORT);
    await peers[0]!.end();
    expect(await server.report("shortage")).toBeNull();
    for (const peer of peers) await peer.end();
    await server.tell("quit");
    await server.ended();
  });

  it("ends by itself when descriptors come from elsewhere, and nothing of the port is closed", async () => {
    await using scope = new Scope();
    const server = await Controlled.start(scope, "push_shortage.mjs", ["push"]);
    const { done, release, echoed } = burst(scope, await server.report<number>("port"));
    expect(await server.report("shortage")).toMatch(SHORT);
    expect(echoed()).toBeLessThan(BURST);
    await server.tell("relieve");
    expect(await server.report("shortage")).toBeNull();
    await until(() => echoed() === BURST);
    release();
    await done;
    await server.tell("quit");
    await server.ended();
  });

  it.each(["push", "pull"])(
    "is outlived in %s style: no connection is lost, none is refused",
    async (style) => {
      await using scope = new Scope();
      const server = await Controlled.start(scope, "push_shortage.mjs", [style]);
      const port = await server.report<number>("port");
      const before = await established(scope, port);
      const { done, release, echoed } = burst(scope, port);
      // In pull style there is no handler that says so.
      const stats = await statsWhen(server, ({ shortages }) => shortages > 0);
      expect(stats.handles).toBeLessThan(BURST);
      // Those that stand are not touched by what the others lack.
      for (let round = 0; round < 3; round++) for (const peer of before) await roundTrip(peer);
      expect(echoed()).toBeLessThan(BURST);
      release();
      await done;
      expect(echoed()).toBe(BURST);
      for (const peer of before) await roundTrip(peer);
      // And it accepts as before.
      const after = await established(scope, port);
      await server.tell("stats");
      expect(await server.report<PortStats>("stats")).toMatchObject({ accepted: BURST + 10 });
      for (const peer of [...before, ...after]) await peer.end();
      await server.tell("quit");
      await server.ended();
    },
  );

  it("ends again and again when bursts follow each other", async () => {
    await using scope = new Scope();
    const server = await Controlled.start(scope, "push_shortage.mjs", ["push"]);
    const port = await server.report<number>("port");
    for (let round = 1; round <= 3; round++) {
      const { done, release } = burst(scope, port);
      while (!SHORT.test(String(await server.report("shortage"))));
      release();
      await done;
      await server.tell("stats");
      const stats = await server.report<PortStats>("stats");
      expect(stats.shortages).toBeGreaterThanOrEqual(round);
      expect(stats.accepted).toBe(round * BURST);
    }
    await server.tell("quit");
    await server.ended();
  });

  it("ends before the next connection's first bytes come, whatever stands in line", async () => {
    await using scope = new Scope();
    const server = await Controlled.start(scope, "push_shortage.mjs", ["push"]);
    const port = await server.report<number>("port");
    const before = await established(scope, port);
    const { done, release } = burst(scope, port);
    expect(await server.report("shortage")).toMatch(SHORT);
    // Those that wait have said something by now.
    for (const peer of before) await roundTrip(peer);
    await server.tell("crowd");
    expect(await server.report("shortage")).toBeNull();
    release();
    await done;
    for (const peer of before) await peer.end();
    await server.tell("quit");
    await server.ended();
  });

  it("leaves stats() working", async () => {
    await using scope = new Scope();
    const server = await Controlled.start(scope, "push_shortage.mjs", ["push"]);
    const { done, release } = burst(scope, await server.report<number>("port"));
    await server.report("shortage");
    const stats = await statsWhen(server, () => true);
    expect(stats.shortages).toBe(1);
    expect(stats.descriptorLimit).toBeLessThan(BURST);
    expect(stats.residentMemory).toBeGreaterThan(0);
    release();
    await done;
    await server.tell("quit");
    await server.ended();
  });

  it("costs next to no processor time while it lasts", async () => {
    await using scope = new Scope();
    const server = await Controlled.start(scope, "push_shortage.mjs", ["push"]);
    const { done, release } = burst(scope, await server.report<number>("port"));
    await server.report("shortage");
    interface Usage {
      processor: number;
      time: number;
    }
    const usage = async (): Promise<Usage> => {
      await server.tell("usage");
      return server.report<Usage>("usage");
    };
    // Stretches of half a second are what is measured, not what is waited for. The first may still see the burst
    // itself; who asks again and again is busy in all of them.
    const shares: number[] = [];
    do {
      const begin = await usage();
      let end = begin;
      do {
        await new Promise((resolve) => setTimeout(resolve, 500));
        end = await usage();
      } while (end.time - begin.time < 0.5);
      shares.push((end.processor - begin.processor) / (end.time - begin.time));
    } while (shares.at(-1)! >= 0.5 && shares.length < 10);
    expect(Math.min(...shares)).toBeLessThan(0.5);
    release();
    await done;
    await server.tell("quit");
    await server.ended();
  });

  it("makes connect() and listen() fail with EMFILE, and succeed again afterwards", async () => {
    await using scope = new Scope();
    const server = await Controlled.start(scope, "push_shortage.mjs", ["push"]);
    const { done, release } = burst(scope, await server.report<number>("port"));
    await server.report("shortage");
    await server.tell("connect");
    expect(await server.report("connect")).toMatch(SHORT);
    await server.tell("listen");
    expect(await server.report("listen")).toMatch(SHORT);
    release();
    await done;
    await server.tell("connect");
    expect(await server.report("connect")).toBe("opened");
    await server.tell("listen");
    expect(await server.report("listen")).toBe("opened");
    await server.tell("quit");
    await server.ended();
  });

  it("does not keep a listener from being closed; those that waited are ended, none hangs", async () => {
    await using scope = new Scope();
    const server = await Controlled.start(scope, "push_shortage.mjs", ["push"]);
    const port = await server.report<number>("port");
    const before = await established(scope, port);
    const peers = Array.from({ length: BURST }, async () => {
      const peer = await netClient(scope, port);
      await roundTrip(peer);
      await peer.end();
      await howItEnds(peer);
    });
    const settled = Promise.allSettled(peers);
    await server.report("shortage");
    await server.tell("close");
    await server.report("closed");
    await settled;
    for (const peer of before) await roundTrip(peer);
    for (const peer of before) await peer.end();
    await server.tell("quit");
    await server.ended();
  });

  it("is outlived even when the shortage handler throws", async () => {
    await using scope = new Scope();
    const server = await Controlled.start(scope, "push_shortage.mjs", ["throwing"]);
    const { done, release, echoed } = burst(scope, await server.report<number>("port"));
    expect(await server.report("shortage")).toMatch(SHORT);
    expect(await server.report("uncaught")).toBe("thrown in shortage");
    release();
    await done;
    expect(echoed()).toBe(BURST);
    await server.tell("quit");
    await server.ended();
  });
});
