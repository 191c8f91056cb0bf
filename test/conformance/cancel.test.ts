import { getEventListeners } from "node:events";
import { connect, listen } from "portside";
import { describe, expect, it } from "vitest";
import { difference, pattern, receive, receiveToEnd } from "../support/bytes.js";
import { failure } from "../support/failure.js";
import { accepted, narrow, pair, STALLING_SIZE, stalledEndpoint } from "../support/peers.js";
import { Scope } from "../support/scope.js";
import { turns, watch } from "../support/wait.js";

interface Waiting {
  submit(signal: AbortSignal): Promise<unknown>;
}

/** For every operation that can wait, a situation in which it does. */
const situations: [string, (scope: Scope) => Promise<Waiting>][] = [
  [
    "recv",
    async (scope) => {
      const { socket } = await accepted(scope);
      return { submit: (signal) => socket.recv({ signal }) };
    },
  ],
  [
    "recvInto",
    async (scope) => {
      const { socket } = await accepted(scope);
      return { submit: (signal) => socket.recvInto(new Uint8Array(100), { signal }) };
    },
  ],
  [
    "send",
    async (scope) => {
      const { client } = await pair(scope, narrow);
      return { submit: (signal) => client.send(pattern(STALLING_SIZE), { signal }) };
    },
  ],
  [
    "a send behind another",
    async (scope) => {
      const { client } = await pair(scope, narrow);
      client.send(pattern(STALLING_SIZE)).catch(() => {});
      return { submit: (signal) => client.send("queued", { signal }) };
    },
  ],
  [
    "shutdown",
    async (scope) => {
      const { client } = await pair(scope, narrow);
      client.send(pattern(STALLING_SIZE)).catch(() => {});
      return { submit: (signal) => client.shutdown({ signal }) };
    },
  ],
  [
    "accept",
    async (scope) => {
      const listener = scope.use(await listen({ host: "127.0.0.1" }));
      return { submit: (signal) => listener.accept({ signal }) };
    },
  ],
  [
    "connect",
    async (scope) => {
      const stalled = await stalledEndpoint(scope);
      return { submit: (signal) => connect({ ...stalled, signal }) };
    },
  ],
];

describe.each(situations)("aborting the signal of %s", (_, prepare) => {
  it("ends it with an AbortError whose code is ECANCELED and whose cause is the reason", async () => {
    await using scope = new Scope();
    const { submit } = await prepare(scope);
    const controller = new AbortController();
    const pending = submit(controller.signal);
    const state = watch(pending);
    await turns();
    expect(state.settled).toBe(false);
    const reason = new Error("changed my mind");
    controller.abort(reason);
    const error = await failure(pending, "ECANCELED");
    expect(error.name).toBe("AbortError");
    expect(error.cause).toBe(reason);
  });

  it("in the tick of the submission ends it the same way", async () => {
    await using scope = new Scope();
    const { submit } = await prepare(scope);
    const controller = new AbortController();
    const pending = submit(controller.signal);
    controller.abort();
    expect((await failure(pending, "ECANCELED")).name).toBe("AbortError");
  });

  it("before the submission refuses it", async () => {
    await using scope = new Scope();
    const { submit } = await prepare(scope);
    const error = await failure(submit(AbortSignal.abort("too late")), "ECANCELED");
    expect(error.name).toBe("AbortError");
    expect(error.cause).toBe("too late");
  });

  it("several times at once ends all that share it", async () => {
    await using scope = new Scope();
    const { submit } = await prepare(scope);
    const controller = new AbortController();
    const pending = Array.from({ length: 5 }, () => failure(submit(controller.signal), "ECANCELED"));
    await turns(3);
    controller.abort();
    await Promise.all(pending);
  });

  it("by AbortSignal.timeout tells that time ran out", async () => {
    await using scope = new Scope();
    const { submit } = await prepare(scope);
    const error = await failure(submit(AbortSignal.timeout(10)), "ECANCELED");
    expect((error.cause as Error).name).toBe("TimeoutError");
  });

  it("is no longer listened to once the operation has ended", async () => {
    await using scope = new Scope();
    const { submit } = await prepare(scope);
    const controller = new AbortController();
    const pending = failure(submit(controller.signal), "ECANCELED");
    controller.abort();
    await pending;
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
  });
});

describe("the signal of an operation that succeeded", () => {
  it("is not listened to any more, also when it was shared", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const { signal } = new AbortController();
    const [first, second] = [socket.recv({ size: 1, signal }), socket.recv({ size: 1, signal })];
    expect(getEventListeners(signal, "abort").length).toBeGreaterThan(0);
    await peer.write("12");
    await Promise.all([first, second]);
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });
});

describe("a canceled receive", () => {
  it("takes no byte from the stream", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const controller = new AbortController();
    const canceled = failure(socket.recv({ signal: controller.signal }), "ECANCELED");
    await turns(2);
    controller.abort();
    await canceled;
    await peer.write("all of it");
    expect((await receive(socket, 9)).toString()).toBe("all of it");
  });

  it("with a signal that was aborted before takes no byte that is already there", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    await peer.write("untouched");
    for (let round = 0; round < 5; round++) {
      await failure(socket.recv({ signal: AbortSignal.abort() }), "ECANCELED");
      await turns(2);
    }
    expect((await receive(socket, 9)).toString()).toBe("untouched");
  });

  it("among several leaves the others waiting, in their order", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const controllers = Array.from({ length: 5 }, () => new AbortController());
    const order: string[] = [];
    const pending = controllers.map(async ({ signal }, index) => {
      const outcome = await socket.recv({ signal, size: 1 }).then(
        (chunk) => Buffer.from(chunk!).toString(),
        (error) => error.code,
      );
      order.push(`${index} ${outcome}`);
    });
    await turns(2);
    controllers[1]!.abort();
    controllers[3]!.abort();
    await Promise.all([pending[1], pending[3]]);
    await peer.write("abc");
    await Promise.all(pending);
    expect(order.slice(2)).toEqual(["0 a", "2 b", "4 c"]);
  });

  it("that had already finished keeps its result", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const controller = new AbortController();
    const pending = socket.recv({ signal: controller.signal });
    await peer.write("done");
    const chunk = await pending;
    controller.abort();
    await turns(3);
    expect(await pending).toBe(chunk);
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
  });

  it("racing with the arrival of bytes never loses one and completes exactly once", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const sent = pattern(400);
    const chunks: Uint8Array[] = [];
    const outcomes = { received: 0, canceled: 0 };
    for (let round = 0; round < sent.length; round++) {
      const controller = new AbortController();
      const pending = socket.recv({ signal: controller.signal });
      const writing = peer.write(sent.subarray(round, round + 1));
      // Abort before, while and after the byte arrives.
      if (round % 4 === 1) await Promise.resolve();
      else if (round % 4 > 1) await turns((round % 4) - 1);
      controller.abort();
      await pending.then(
        (chunk) => {
          outcomes.received++;
          chunks.push(chunk!);
        },
        (error) => {
          expect(error.code).toBe("ECANCELED");
          outcomes.canceled++;
        },
      );
      await writing;
    }
    await peer.end();
    chunks.push(await receiveToEnd(socket));
    expect(outcomes.received + outcomes.canceled).toBe(400);
    expect(difference(Buffer.concat(chunks), sent)).toBe("");
  });
});

describe("a canceled send", () => {
  it("in the queue takes nothing away that was written behind it", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    client.write(pattern(STALLING_SIZE));
    const controller = new AbortController();
    const sending = client.send("given up", { signal: controller.signal });
    client.write("kept");
    await turns(3);
    controller.abort();
    await failure(sending, "ECANCELED");
    await receive(server, STALLING_SIZE);
    expect((await receive(server, 4)).toString()).toBe("kept");
    expect(client.writableLength).toBe(0);
  });

  it("says how many bytes were taken, and these and no others arrive", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    const data = pattern(STALLING_SIZE);
    const controller = new AbortController();
    const sending = failure(client.send(data, { signal: controller.signal }), "ECANCELED");
    await turns();
    controller.abort();
    const { bytesSent } = await sending;
    expect(bytesSent).toBeGreaterThan(0);
    expect(bytesSent).toBeLessThan(data.length);
    const ending = client.shutdown();
    expect(difference(await receiveToEnd(server), data.subarray(0, bytesSent))).toBe("");
    await ending;
  });

  it("in the queue is left out, and the sends around it arrive whole and in order", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    const first = pattern(STALLING_SIZE);
    const controllers = Array.from({ length: 6 }, () => new AbortController());
    const sending = client.send(first);
    const outcomes = controllers.map(({ signal }, index) =>
      client.send(`message ${index};`, { signal }).then(
        () => `message ${index};`,
        (error) => {
          expect(error).toMatchObject({ code: "ECANCELED", bytesSent: 0 });
          return "";
        },
      ),
    );
    await turns();
    for (const index of [0, 2, 5]) controllers[index]!.abort();
    expect(await Promise.all([outcomes[0], outcomes[2], outcomes[5]])).toEqual(["", "", ""]);
    const ending = client.shutdown();
    const got = await receiveToEnd(server);
    await Promise.all([sending, ending]);
    expect(difference(got.subarray(0, first.length), first)).toBe("");
    expect(got.subarray(first.length).toString()).toBe("message 1;message 3;message 4;");
    expect((await Promise.all(outcomes)).join("")).toBe("message 1;message 3;message 4;");
  });

  it("at any moment leaves a stream of exactly the bytes that were reported as taken", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    const expected: Promise<Uint8Array>[] = [];
    const receiving = receiveToEnd(server);
    for (let round = 0; round < 60; round++) {
      const data = pattern(100_000, round);
      const controller = new AbortController();
      expected.push(
        client.send(data, { signal: controller.signal }).then(
          () => data,
          (error) => {
            expect(error.code).toBe("ECANCELED");
            return data.subarray(0, error.bytesSent);
          },
        ),
      );
      if (round % 3 === 1) await turns(round % 5);
      if (round % 3 > 0) controller.abort();
    }
    await client.shutdown();
    expect(difference(await receiving, Buffer.concat(await Promise.all(expected)))).toBe("");
  });
});

describe("a canceled shutdown", () => {
  it("sends no FIN", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope, narrow);
    const data = pattern(STALLING_SIZE);
    const controller = new AbortController();
    const sending = client.send(data);
    const ending = failure(client.shutdown({ signal: controller.signal }), "ECANCELED");
    await turns(2);
    controller.abort();
    await ending;
    await receive(server, data.length);
    await sending;
    await client.send("more");
    expect((await receive(server, 4)).toString()).toBe("more");
  });
});
