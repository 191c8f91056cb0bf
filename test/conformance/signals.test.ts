import { getEventListeners } from "node:events";
import { runInNewContext } from "node:vm";
import { connect, listen, PortsideError } from "portside";
import { describe, expect, it } from "vitest";
import { failure } from "../support/failure.js";
import { accepted, netServer, stalledEndpoint } from "../support/peers.js";
import { Scope } from "../support/scope.js";

/** An AbortSignal as a polyfill makes it: what looks like one, and nothing that Node knows. */
const polyfill = `(class Signal {
  aborted = false;
  reason = undefined;
  listeners = new Set();
  addEventListener(name, listener) { if (name === "abort") this.listeners.add(listener); }
  removeEventListener(name, listener) { this.listeners.delete(listener); }
  abort(reason) {
    this.aborted = true;
    this.reason = reason;
    for (const listener of [...this.listeners]) listener.call(this, { type: "abort", target: this });
  }
})`;

interface Polyfilled extends AbortSignal {
  readonly listeners: Set<unknown>;
  abort(reason: unknown): void;
}

const makers: [string, () => Polyfilled][] = [
  ["a polyfill", () => new (new Function(`return ${polyfill}`)() as new () => Polyfilled)()],
  ["another realm", () => new (runInNewContext(polyfill) as new () => Polyfilled)()],
];

describe.each(makers)("a signal of %s", (_, make) => {
  it("ends a receive, a connect and an accept, and is let go of", async () => {
    await using scope = new Scope();
    const { socket } = await accepted(scope);
    const listener = scope.use(await listen({ host: "127.0.0.1" }));
    const stalled = await stalledEndpoint(scope);
    const signal = make();
    const pending = [socket.recv({ signal }), connect({ ...stalled, signal }), listener.accept({ signal })];
    const failures = Promise.all(pending.map((promise) => failure(promise, "ECANCELED")));
    // One listener, however many operations.
    expect(signal.listeners.size).toBe(1);
    const reason = new Error("enough");
    signal.abort(reason);
    for (const error of await failures) expect(error).toMatchObject({ name: "AbortError", cause: reason });
    expect(signal.listeners.size).toBe(0);
    await failure(socket.recv({ signal }), "ECANCELED"); // aborted already
  });

  it("closes a listener", async () => {
    await using scope = new Scope();
    const signal = make();
    const listener = scope.use(await listen({ host: "127.0.0.1", signal }));
    signal.abort("over");
    expect(listener.closed).toBe(true);
  });

  it("is let go of when the operation is over", async () => {
    await using scope = new Scope();
    const server = await netServer(scope);
    const signal = make();
    scope.use(await connect({ host: "127.0.0.1", port: server.port, signal }));
    expect(signal.listeners.size).toBe(0);
  });
});

describe("a listener that stops the event", () => {
  it("does not keep an operation from being cancelled", async () => {
    await using scope = new Scope();
    const { socket } = await accepted(scope);
    const controller = new AbortController();
    const { signal } = controller;
    signal.addEventListener("abort", (event) => event.stopImmediatePropagation());
    const stalled = await stalledEndpoint(scope);
    const listener = scope.use(await listen({ host: "127.0.0.1", signal }));
    const receiving = failure(socket.recv({ signal }), "ECANCELED");
    const connecting = failure(connect({ ...stalled, signal }), "ECANCELED");
    controller.abort();
    await Promise.all([receiving, connecting]);
    expect(listener.closed).toBe(true);
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
  });
});

describe("a hostile signal", () => {
  const base = () => ({
    aborted: false,
    reason: undefined as unknown,
    addEventListener: (() => {}) as unknown,
    removeEventListener: (() => {}) as unknown,
  });
  const hostile: [string, () => object][] = [
    [
      "whose aborted throws",
      () =>
        Object.defineProperty(base(), "aborted", {
          get: () => {
            throw new Error("no");
          },
        }),
    ],
    [
      "whose addEventListener throws",
      () => ({
        ...base(),
        addEventListener: () => {
          throw new Error("no");
        },
      }),
    ],
    [
      "whose addEventListener cannot be read",
      () =>
        Object.defineProperty(base(), "addEventListener", {
          get: () => {
            throw new Error("no");
          },
        }),
    ],
    [
      "that calls back at once, with a reason that throws",
      () =>
        Object.defineProperty(
          { ...base(), addEventListener: (_: string, listener: () => void) => listener() },
          "reason",
          {
            get: () => {
              throw new Error("no");
            },
          },
        ),
    ],
    ["of AbortSignal's prototype only", () => Object.create(AbortSignal.prototype) as object],
  ];

  it.each(hostile)("%s makes promises reject, and costs no byte", async (_, make) => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const listener = scope.use(await listen({ host: "127.0.0.1" }));
    const server = await netServer(scope);
    const signal = () => make() as AbortSignal;
    for (const call of [
      () => socket.recv({ signal: signal() }),
      () => socket.recvInto(new Uint8Array(4), { signal: signal() }),
      () => listener.accept({ signal: signal() }),
      () => connect({ host: "127.0.0.1", port: server.port, signal: signal() }),
    ]) {
      const promise = call(); // never throws
      await expect(promise).rejects.toBeInstanceOf(Error);
    }
    const receiving = socket.recv();
    await peer.write("kept");
    expect(String(Buffer.from((await receiving)!))).toBe("kept");
  });

  it("is asked once whether it is aborted", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    let asked = 0;
    const signal = Object.defineProperty(base(), "aborted", { get: () => asked++ > 0 });
    await peer.write("x");
    await socket.recv({ signal: signal as unknown as AbortSignal });
    expect(asked).toBe(1);
  });

  it.each([
    ["without listeners", { aborted: false }],
    ["whose aborted is no boolean", { ...base(), aborted: "no" }],
    ["that is a function", Object.assign(() => {}, base())],
    ["that is null", null],
  ])("%s is none", async (_, signal) => {
    await using scope = new Scope();
    const { socket } = await accepted(scope);
    const error = await failure(socket.recv({ signal: signal as never }), "ERR_INVALID_ARG_TYPE");
    expect(error).toBeInstanceOf(PortsideError);
  });
});

describe("a listen whose name takes long to be looked up", () => {
  it("ends with its signal", async () => {
    const controller = new AbortController();
    const listening = listen({ host: "never.test", lookup: () => {}, signal: controller.signal });
    const failing = failure(listening, "ECANCELED");
    controller.abort();
    await failing;
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
  });
});
