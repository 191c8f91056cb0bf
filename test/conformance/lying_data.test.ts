import { CompletionPort, type PortsideError, type SendData, type TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { difference, pattern, receive, receiveToEnd } from "../support/bytes.js";
import { failure, thrown } from "../support/failure.js";
import { pair } from "../support/peers.js";
import { Scope } from "../support/scope.js";
import { deferred, turns } from "../support/wait.js";

type View = ArrayBufferView<ArrayBuffer>;

/** A view's true bytes, asked before it learns to lie. */
const truth = (view: ArrayBufferView): Uint8Array =>
  new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

function lying<Of extends object>(of: Of, lies: PropertyDescriptorMap): Of {
  return Object.defineProperties(of, lies);
}

const never = {
  get(): never {
    throw new Error("a property of the data was asked");
  },
};
const asked = [
  "byteLength",
  "length",
  "byteOffset",
  "buffer",
  "constructor",
  "BYTES_PER_ELEMENT",
  "slice",
  "subarray",
  "set",
  "map",
  "valueOf",
  "toString",
  "toJSON",
  Symbol.toStringTag,
  Symbol.iterator,
  Symbol.toPrimitive,
  Symbol.species,
];
const allAsked = Object.fromEntries(asked.map((name) => [name, never])) as PropertyDescriptorMap;

class Subclass extends Uint8Array<ArrayBuffer> {
  override get byteLength(): number {
    return 1;
  }
  override get length(): number {
    return 1 << 30;
  }
  override get byteOffset(): number {
    return -8;
  }
  override get buffer(): ArrayBuffer {
    return new ArrayBuffer(3);
  }
  override get [Symbol.toStringTag](): "Uint8Array" {
    return "Float64Array" as never;
  }
  static get [Symbol.species](): never {
    throw new Error("the species was asked");
  }
}

/** `length` bytes in all the forms that a view can have, with all its lies. */
function lies(length: number, seed: number): [string, View | ArrayBuffer, Uint8Array][] {
  const bytes = (extra = 0) => pattern(length + extra, seed);
  const of = (
    name: string,
    view: View,
    properties: PropertyDescriptorMap = {},
    prototype?: object | null,
  ) => {
    const its = truth(view).slice();
    if (prototype !== undefined) Object.setPrototypeOf(view, prototype);
    return [name, lying(view, properties), its] as [string, View, Uint8Array];
  };
  const value = (of: unknown) => ({ value: of, configurable: true });
  const whole = bytes().buffer;
  const resizable = new (ArrayBuffer as never as new (l: number, o: object) => ArrayBuffer)(length, {
    maxByteLength: 4 * length,
  });
  const tracking = new Uint8Array(resizable);
  tracking.set(bytes());
  const shared = new Uint8Array(new SharedArrayBuffer(length)) as never as Uint8Array<ArrayBuffer>;
  shared.set(bytes());
  return [
    of("an own byteLength that is too short", bytes(), { byteLength: value(1) }),
    of("an own byteLength that is too long", bytes(), { byteLength: value(length * 100) }),
    of("a negative byteLength", bytes(), { byteLength: value(-1) }),
    of("a length that is no number", bytes(), { length: value("many"), byteLength: value(Number.NaN) }),
    of("another's offset", bytes(), { byteOffset: value(1 << 20) }),
    of("another's buffer", bytes(), { buffer: value(new ArrayBuffer(8)) }),
    of("another's class", bytes(), {
      constructor: value(Float64Array),
      [Symbol.toStringTag]: value("DataView"),
    }),
    of("properties that throw", bytes(), allAsked),
    of("a DataView whose properties throw", new DataView(bytes(16).buffer, 8, length), allAsked),
    of("a Float64Array whose properties throw", new Float64Array(bytes().buffer), allAsked),
    of("a BigInt64Array", new BigInt64Array(bytes().buffer)),
    of("a Uint8ClampedArray", new Uint8ClampedArray(bytes().buffer), allAsked),
    of("a part of a Buffer", Buffer.from(bytes(20).buffer, 7, length), {
      byteOffset: value(0),
      offset: value(0),
    }),
    of("no prototype", bytes(), {}, null),
    of("a list's prototype", bytes(), {}, Array.prototype),
    of("a DataView's prototype", bytes(), {}, DataView.prototype),
    ["a subclass whose getters lie", new Subclass(bytes().buffer), bytes()],
    ["an ArrayBuffer that lies", lying(whole, allAsked), bytes()],
    of("a view that tracks a resizable buffer's length", tracking, { byteLength: value(0) }),
    of("a view of shared memory", shared, { buffer: value(null) }),
  ];
}

const sendings: [string, (socket: TcpSocket, data: SendData, length: number) => Promise<unknown>][] = [
  ["send()", async (socket, data, length) => expect(await socket.send(data)).toBe(length)],
  ["write()", async (socket, data) => socket.write(data)],
  [
    "Operation.send()",
    async (socket, data, length) => {
      const done = deferred<unknown>();
      const operation = CompletionPort.default.operation((error, sent) =>
        error ? done.reject(error) : done.resolve(sent),
      );
      operation.send(socket, data);
      expect(await done.promise).toBe(length);
    },
  ],
  [
    "send() of a list",
    async (socket, data, length) => expect(await socket.send(["", data as never])).toBe(length),
  ],
  ["write() of a list", async (socket, data) => socket.write([data as never, ""])],
];

// Through the rings, and past them.
const sizes = [160, 160_000];

describe.each(sizes)("data of %i bytes that lies about itself", (size) => {
  it.each(sendings)("arrives as it truly is, by %s", async (_, send) => {
    await using scope = new Scope();
    const { client, server } = await pair(scope);
    const other = await pair(scope);
    let seed = 0;
    for (const [name, data, bytes] of lies(size, ++seed)) {
      const [received] = await Promise.all([receive(server, bytes.length), send(client, data, bytes.length)]);
      expect(difference(received, bytes), name).toBe("");
      other.client.write("own ");
    }
    client.end();
    expect(await receiveToEnd(server)).toHaveLength(0);
    other.client.end();
    expect((await receiveToEnd(other.server)).toString()).toMatch(/^(own )+$/);
  });

  it("is counted as it truly is where the connection has ended", async () => {
    await using scope = new Scope();
    const { client } = await pair(scope);
    await client.close();
    const port = CompletionPort.default;
    for (const [name, data, bytes] of lies(size, 5)) {
      const before = port.stats().bytesDropped;
      expect(client.write(data)).toBe(false);
      expect(port.stats().bytesDropped - before, name).toBe(bytes.length);
    }
  });

  const receivings: [string, (socket: TcpSocket, buffer: View) => Promise<number>][] = [
    ["recvInto()", (socket, buffer) => socket.recvInto(buffer)],
    [
      "Operation.recv()",
      (socket, buffer) => {
        const done = deferred<number>();
        const operation = CompletionPort.default.operation((error, got) =>
          error ? done.reject(error) : done.resolve(got as number),
        );
        operation.recv(socket, buffer);
        return done.promise;
      },
    ],
  ];
  it.each(receivings)("is received into where it truly is, by %s", async (_, receiveInto) => {
    await using scope = new Scope();
    const { client, server } = await pair(scope);
    for (const [name, buffer] of lies(size, 7)) {
      if (buffer instanceof ArrayBuffer) continue; // no view
      const sent = pattern(100, 8);
      const view = ofAnyView(buffer);
      await server.send(sent);
      let got = 0;
      while (got < sent.length) {
        const count = await receiveInto(client, buffer);
        expect(difference(view.slice(0, count), sent.subarray(got, got + count)), name).toBe("");
        got += count;
      }
    }
  });
});

/** The true bytes of something that lies already. */
function ofAnyView(view: View): Uint8Array {
  const { prototype } = isDataView(view) ? DataView : TypedArray;
  const read = (name: string) =>
    (Object.getOwnPropertyDescriptor(prototype, name)!.get as () => unknown).call(view) as never;
  return new Uint8Array(read("buffer") as ArrayBuffer, read("byteOffset"), read("byteLength"));
}
const TypedArray = Object.getPrototypeOf(Uint8Array) as { prototype: object };
function isDataView(view: View): boolean {
  try {
    (Object.getOwnPropertyDescriptor(DataView.prototype, "byteLength")!.get as () => number).call(view);
    return true;
  } catch {
    return false;
  }
}

describe("what only looks like data", () => {
  const impostors: [string, unknown][] = [
    ["an object with a view's prototype", Object.create(Uint8Array.prototype)],
    [
      "an object that calls itself a Uint8Array",
      { [Symbol.toStringTag]: "Uint8Array", length: 3, byteLength: 3 },
    ],
    ["a proxy of a view", new Proxy(new Uint8Array(8), {})],
    ["a proxy of an ArrayBuffer", new Proxy(new ArrayBuffer(8), {})],
    ["a String object", Object("text")],
    ["a list of a proxy of a view", [new Proxy(new Uint8Array(8), {})]],
    ["shared memory without a view", new SharedArrayBuffer(8)],
  ];
  it.each(impostors)("(%s) is refused, and nothing is sent", async (_, data) => {
    await using scope = new Scope();
    const { client, server } = await pair(scope);
    const operation = CompletionPort.default.operation(() => {});
    await failure(client.send(data as never), "ERR_INVALID_ARG_TYPE");
    thrown(() => client.write(data as never), "ERR_INVALID_ARG_TYPE");
    thrown(() => client.end(data as never), "ERR_INVALID_ARG_TYPE");
    thrown(() => operation.send(client, data as never), "ERR_INVALID_ARG_TYPE");
    expect(operation.pending).toBe(false);
    if (!Array.isArray(data)) await failure(client.recvInto(data as never), "ERR_INVALID_ARG_TYPE");
    client.end("nothing else");
    expect((await receiveToEnd(server)).toString()).toBe("nothing else");
  });
});

/** A list that runs the program's code whenever it is read. */
function list(items: unknown[], read: (key: string) => void): SendData {
  return new Proxy(items, {
    get(target, key, self) {
      if (typeof key === "string") read(key);
      return Reflect.get(target, key, self);
    },
  }) as SendData;
}

const detach = (bytes: Uint8Array<ArrayBuffer>): void => {
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
};

/** What became of a call, however it tells: done, or the code of its error. */
async function outcome(call: () => unknown): Promise<unknown> {
  try {
    return await call();
  } catch (error) {
    return (error as PortsideError).code;
  }
}

describe.each(sizes)("reading a list or an option (%i bytes) may run code that", (size) => {
  const ways: [string, (socket: TcpSocket, data: SendData) => unknown][] = [
    ["send()", (socket, data) => socket.send(data)],
    ["write()", (socket, data) => socket.write(data)],
    ["end()", (socket, data) => void socket.end(data)],
    [
      "Operation.send()",
      (socket, data) => {
        const done = deferred<unknown>();
        CompletionPort.default
          .operation((error, sent) => (error ? done.reject(error) : done.resolve(sent)))
          .send(socket, data);
        return done.promise;
      },
    ],
  ];

  it.each(ways)("closes the socket: %s settles, and no other socket sends its bytes", async (_, way) => {
    await using scope = new Scope();
    const { client, server } = await pair(scope);
    const other = await pair(scope);
    const data = list([pattern(size), "more"], () => void client.close());
    const became = await outcome(() => way(client, data));
    expect(["EBADF", "ECANCELED", false, undefined]).toContain(became);
    other.client.end("mine");
    expect((await receiveToEnd(other.server)).toString()).toBe("mine");
    await client.close();
    expect(await receiveToEnd(server)).toHaveLength(0);
    expect(CompletionPort.default.stats().operations).toBe(0);
  });

  it.each(ways)("sends on another socket: %s sends its own bytes, and that one its own", async (_, way) => {
    await using scope = new Scope();
    const { client, server } = await pair(scope);
    const other = await pair(scope);
    const own = pattern(size, 3);
    let reads = 0;
    const sent: Promise<unknown>[] = [];
    const data = list([own, own], () => {
      other.client.write("theirs ");
      sent.push(other.client.send(`${++reads} `));
    });
    const [all] = await Promise.all([receive(server, 2 * size), way(client, data)]);
    expect(difference(all, Buffer.concat([own, own]))).toBe("");
    await Promise.all(sent);
    other.client.end();
    const theirs = (await receiveToEnd(other.server)).toString();
    expect(theirs).toBe(Array.from({ length: reads }, (_, index) => `theirs ${index + 1} `).join(""));
  });

  it.each(ways)("sends on the same socket: %s leaves both whole", async (_, way) => {
    await using scope = new Scope();
    const { client, server } = await pair(scope);
    const own = pattern(size, 4);
    let inside = 0;
    const data = list([own, own], () => {
      if (inside++ === 0) client.write("<before>");
    });
    const [all] = await Promise.all([receive(server, 2 * size + 8), way(client, data)]);
    expect(all.subarray(0, 8).toString()).toBe("<before>");
    expect(difference(all.subarray(8), Buffer.concat([own, own]))).toBe("");
  });

  it.each(ways)("detaches other parts: %s sends what is left, and nobody else's bytes", async (_, way) => {
    await using scope = new Scope();
    const { client, server } = await pair(scope);
    const first = pattern(size, 5);
    const second = pattern(size, 6);
    const last = pattern(size, 7);
    const copy = last.slice();
    const data = list([first, second, last], (key) => {
      if (key !== "2") return;
      detach(first);
      detach(second);
    });
    const became = await outcome(() => way(client, data));
    if (typeof became === "number") expect(became).toBe(size);
    client.end();
    expect(difference(await receiveToEnd(server), copy)).toBe("");
  });

  it("closes the socket, from an option of send(): it settles", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope);
    const options = {
      get signal(): undefined {
        void client.close();
        return undefined;
      },
    };
    await failure(client.send(pattern(size), options), /^(EBADF|ECANCELED)$/);
    expect(await receiveToEnd(server)).toHaveLength(0);
  });

  it("detaches the buffer, from an option of recvInto(): it settles, and says so", async () => {
    await using scope = new Scope();
    const { client, server } = await pair(scope);
    const buffer = new Uint8Array(size);
    const options = {
      get signal(): undefined {
        detach(buffer);
        return undefined;
      },
    };
    await failure(client.recvInto(buffer, options), "ERR_INVALID_ARG_VALUE");
    await server.send("still there");
    expect((await receive(client, 11)).toString()).toBe("still there");
  });

  it("closes the socket, from an option of recv() and recvInto(): they settle", async () => {
    for (const way of ["recv", "recvInto", "shutdown", "drained"] as const) {
      await using scope = new Scope();
      const { client } = await pair(scope);
      const options = {
        get signal(): undefined {
          void client.close();
          return undefined;
        },
      };
      const call = way === "recvInto" ? client.recvInto(new Uint8Array(size), options) : client[way](options);
      await failure(call as Promise<unknown>, /^(EBADF|ECANCELED)$/);
    }
    await turns();
    expect(CompletionPort.default.stats().operations).toBe(0);
  });
});
