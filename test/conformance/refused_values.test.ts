import { inspect } from "node:util";
import { CompletionPort, connect, type LookupFunction, listen, PortsideError } from "portside";
import { describe, expect, it } from "vitest";
import { failure, thrown } from "../support/failure.js";
import { pair } from "../support/peers.js";
import { Scope } from "../support/scope.js";

/** Something whose text would run the program's code; a text of four thousand million holes would never end. */
function telltale(): { text: object; asked: () => number } {
  let asked = 0;
  const ask = () => {
    asked++;
    return "text";
  };
  const text = { toString: ask, valueOf: ask, toJSON: ask, [Symbol.toPrimitive]: ask, [inspect.custom]: ask };
  return { text, asked: () => asked };
}

/** Values that tell of themselves by `text`. */
const disguises: [string, (text: object) => unknown][] = [
  ["an object", (text) => text],
  ["a class's name", (text) => Reflect.construct(class {}, [], withName(class {}, text))],
  ["a class of that name", (text) => withName(class {}, text)],
  ["an error's name", (text) => Object.assign(new Error("x"), { name: text })],
  ["an error's stack", (text) => Object.assign(new Error("x"), { stack: text })],
  ["an error's message", (text) => Object.assign(new Error("x"), { message: text })],
  ["a tag", (text) => ({ [Symbol.toStringTag]: text })],
  ["a list", (text) => [text]],
];

function withName<T extends object>(of: T, name: object): T {
  return Object.defineProperty(of, "name", { value: name });
}

describe("A value that is refused", () => {
  it.each(disguises)("is not asked what it looks like (%s)", async (_, disguise) => {
    await using scope = new Scope();
    const { client: socket } = await pair(scope);
    const { text, asked } = telltale();
    const value = disguise(text) as never;
    const port = CompletionPort.default;
    for (const call of [
      () => listen({ host: value }),
      () => listen({ port: value }),
      () => connect({ host: "127.0.0.1", port: value }),
      () => socket.recv({ size: value }),
      () => socket.recvInto(value),
      () => socket.recv({ signal: { ...telltale(), aborted: value } as never }),
      () => socket.send([7 as never, value]),
    ])
      await failure(call());
    thrown(() => socket.setNoDelay(value), "ERR_INVALID_ARG_TYPE");
    thrown(() => port.on(value, () => {}), "ERR_INVALID_ARG_VALUE");
    thrown(() => CompletionPort.post(value, 1), "ERR_INVALID_ARG_TYPE");
    expect(asked()).toBe(0);
  });

  it("is not asked by inspect() either, which anybody may call with anything", async () => {
    await using scope = new Scope();
    const { client: socket } = await pair(scope);
    const listener = scope.use(await listen({ host: "127.0.0.1" }));
    const port = CompletionPort.default;
    const { text, asked } = telltale();
    const options = { depth: text, breakLength: text, compact: text, maxArrayLength: text, colors: text };
    for (const shown of [socket, listener, port, port.operation(() => {})]) {
      const custom = (shown as unknown as Record<symbol, (...args: unknown[]) => string>)[inspect.custom];
      expect(custom?.call(shown, text, options)).toMatch(/^(Tcp|CompletionPort|Operation)/);
      expect(custom?.call(shown, -1, undefined)).toMatch(/^\[.*\]$/);
    }
    expect(asked()).toBe(0);
  });

  it("is a revoked proxy: it is refused as any other value, wherever it is passed", async () => {
    await using scope = new Scope();
    const { client: socket } = await pair(scope);
    const listener = scope.use(await listen({ host: "127.0.0.1" }));
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const value = proxy as never;
    for (const call of [
      () => listen(value),
      () => listen({}, value),
      () => connect(value),
      () => connect({ port: 1 }, value),
      () => listener.accept(value),
      () => socket.recv(value),
      () => socket.recvInto(new Uint8Array(1), value),
      () => socket.send("x", value),
      () => socket.send(value),
      () => socket.send(["x", value]),
      () => socket.shutdown(value),
      () => socket.drained(value),
    ])
      await failure(call(), "ERR_INVALID_ARG_TYPE");
    for (const call of [
      () => socket.write(value),
      () => socket.end(value),
      () => new CompletionPort(value),
      () => CompletionPort.default.operation(() => {}).send(socket, value),
    ])
      thrown(call, "ERR_INVALID_ARG_TYPE");
  });

  it("is not asked by an error that a program makes of it", () => {
    const { text, asked } = telltale();
    expect(new PortsideError(text as never, text as never).message).toBe("an object");
    expect(asked()).toBe(0);
  });

  it("is told in the message: what it is, shortened", async () => {
    await using scope = new Scope();
    const { client: socket } = await pair(scope);
    const message = (value: unknown) => thrown(() => socket.setNoDelay(value as never)).message;
    class Reader {}
    const cases: [unknown, string][] = [
      ["on", '"on"'],
      ["x".repeat(1e6), `"${"x".repeat(60)}…"`],
      [1, "1"],
      [-0, "-0"],
      [12n, "12n"],
      [1n << 100_000n, "a huge bigint"],
      [null, "null"],
      [Symbol("s"), "Symbol(s)"],
      [{}, "an object"],
      [[1], "an array"],
      [new Reader(), "a Reader"],
      [new Proxy({}, {}), "a Proxy"],
      [new Uint8Array(9), "a Uint8Array"],
      [Promise.resolve(true), "a Promise (is an await missing?)"],
      [() => true, "a function"],
    ];
    for (const [value, told] of cases) expect(message(value)).toMatch(`, not ${told}`);
  });

  it("is no options object when every character or byte of it would be an option", async () => {
    await using scope = new Scope();
    const { client: socket } = await pair(scope);
    for (const value of [
      new Uint8Array(10),
      Buffer.alloc(10),
      new DataView(new ArrayBuffer(8)),
      Object("ab"),
    ]) {
      await failure(socket.recv(value), "ERR_INVALID_ARG_TYPE");
      await failure(listen(value), "ERR_INVALID_ARG_TYPE");
      await failure(listen({}, value), "ERR_INVALID_ARG_TYPE");
    }
  });
});

describe("A lookup's answer", () => {
  it("that says it is endless is not read to its end", async () => {
    let reads = 0;
    const endless = new Proxy([], {
      get: (_, name) => {
        if (name === "length") return 1_000_000;
        reads++;
        return name === "0" ? { address: "127.0.0.1", family: 4 } : undefined;
      },
    });
    const lookup = ((_name: string, _options: object, callback: (...answer: unknown[]) => void) =>
      callback(null, endless)) as LookupFunction;
    await using listener = await listen({ host: "many.test", lookup });
    expect(listener.address.address).toBe("127.0.0.1");
    expect(reads).toBeLessThan(3000);
  });
});
