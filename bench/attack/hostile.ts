import type { Random } from "../stress/random.js";

// ES2024, which the library of TypeScript's ES2023 does not describe.
type Resizable = ArrayBuffer & { resize(length: number): void };
type Options = { maxByteLength: number };
const ResizableBuffer = ArrayBuffer as unknown as new (length: number, options: Options) => Resizable;
const GrowableBuffer = SharedArrayBuffer as unknown as new (
  length: number,
  options: Options,
) => SharedArrayBuffer;

const numbers = [
  ...[0, -0, 1, -1, 2, 63, 64, 65, 255, 256, 1023, 1024, 1025, 8192, 8193, 65_535, 65_536, 65_537, 1.5],
  ...[2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 1, 2 ** 53],
  ...[-(2 ** 31), -(2 ** 31) - 1, Number.NaN, Infinity, -Infinity, 1e308, 5e-324],
];

// As hosts, none of these is looked up anywhere.
const strings = [
  "",
  "\0",
  "x",
  "127.0.0.1",
  "::1",
  "::1%1abc",
  "::%bad",
  "127.0.0.1:80",
  "y".repeat(300),
  "posted",
];

const sizes = [0, 1, 7, 64, 65, 1000, 4096, 8192, 8193, 20_000, 65_536, 100_000];

const namesOfViews = [
  "byteLength",
  "length",
  "buffer",
  "byteOffset",
  "BYTES_PER_ELEMENT",
  "set",
  "slice",
  "subarray",
];

/** Makes values that a program should never pass. `mischief` is what its traps and getters do. */
export class Hostile {
  readonly #random: Random;
  readonly #mischief: () => unknown;

  constructor(random: Random, mischief: () => unknown) {
    this.#random = random;
    this.#mischief = mischief;
  }

  number(): number {
    return this.#random.pick(numbers);
  }

  /** Anything at all. */
  value(depth = 0): unknown {
    const kinds: (() => unknown)[] = [
      () => this.number(),
      () => this.#random.pick(strings),
      () => this.#random.pick([undefined, null, true, false, 12n, Symbol.iterator]),
      () => this.view(),
      () => new ArrayBuffer(this.#random.pick(sizes)),
      () => this.callback(),
      () => this.trap(),
      () => this.convertible(),
      () => this.signal(),
      () => class extends Uint8Array {},
      () => new Date(Number.NaN),
      () => ({ length: this.number(), 0: "x" }),
    ];
    if (depth < 3) {
      kinds.push(
        () => this.list(depth + 1),
        () => this.object(["signal", "size", "host", "port", "data", "length"], depth + 1),
        () => new Map([[this.value(depth + 1), this.value(depth + 1)]]),
      );
    }
    return this.#random.pick(kinds)();
  }

  values(most = 4): unknown[] {
    return Array.from({ length: this.#random.integer(0, most) }, () => this.value());
  }

  callback(): () => unknown {
    return () => this.#mischief();
  }

  /** An object with some of these properties, each of which may be a getter that does something else entirely. */
  object(names: readonly string[], depth = 0): object {
    const object = {};
    for (const name of names) {
      if (this.#random.chance(0.6)) continue;
      const value = this.value(depth);
      const getter = {
        get: () => {
          this.#mischief();
          return value;
        },
      };
      Object.defineProperty(object, name, {
        ...(this.#random.chance(0.5) ? getter : { value }),
        enumerable: true,
        configurable: true,
      });
    }
    return this.#random.chance(0.2) ? this.trap(object) : object;
  }

  /** A proxy whose every trap may do something, or throw. */
  trap(target: object = this.#random.pick([{}, [], () => {}, new Uint8Array(8)])): object {
    if (this.#random.chance(0.1)) {
      const { proxy, revoke } = Proxy.revocable(target, {});
      revoke();
      return proxy;
    }
    const handler = new Proxy({} as ProxyHandler<object>, {
      get: (_, trap: keyof ProxyHandler<object>) => {
        if (this.#random.chance(0.2)) this.#mischief();
        return this.#random.chance(0.05) ? this.callback() : Reflect[trap];
      },
    });
    return new Proxy(target, handler);
  }

  convertible(): object {
    return {
      toString: this.callback(),
      valueOf: this.callback(),
      [Symbol.toPrimitive]: this.callback(),
      [Symbol.iterator]: this.callback(),
      // biome-ignore lint/suspicious/noThenProperty: that is what it is there for
      then: this.callback(),
      toJSON: this.callback(),
    };
  }

  signal(): unknown {
    const controller = new AbortController();
    if (this.#random.chance(0.2)) controller.abort(this.#random.chance(0.5) ? this.trap() : undefined);
    if (this.#random.chance(0.3)) setImmediate(() => controller.abort(this.value()));
    if (this.#random.chance(0.3)) controller.signal.addEventListener("abort", this.callback());
    const { signal } = controller;
    if (this.#random.chance(0.2)) Object.defineProperty(signal, "aborted", { get: this.callback() });
    if (this.#random.chance(0.2)) Object.assign(signal, { addEventListener: this.callback() });
    return this.#random.chance(0.1) ? Object.create(AbortSignal.prototype) : signal;
  }

  list(depth = 0): unknown[] {
    const list = Array.from({ length: this.#random.integer(0, 5) }, () =>
      this.#random.chance(0.7) ? this.view() : this.value(depth),
    );
    const change = this.#random.next();
    if (change < 0.1) delete list[0];
    else if (change < 0.2)
      list.length = this.#random.pick([100_000, 2 ** 32 - 1]); // holes
    else if (change < 0.4) Object.defineProperty(list, "0", { get: () => this.#after(this.view()) });
    else if (change < 0.5) return this.trap(list) as unknown[];
    else if (change < 0.6) Object.defineProperty(list, "map", { value: this.callback() });
    else if (change < 0.7) Object.setPrototypeOf(list, null);
    return list;
  }

  /** Bytes in every disguise. All of them are less than 128. */
  view(): ArrayBufferView {
    const size = this.#random.pick(sizes);
    const bytes = new Uint8Array(size).fill(65);
    const makers: (() => ArrayBufferView)[] = [
      () => bytes,
      () => Buffer.from(bytes),
      () => new DataView(bytes.buffer),
      () => new Uint8ClampedArray(bytes.buffer),
      () => new Int32Array(bytes.buffer, 0, size >> 2),
      () => new Float64Array(bytes.buffer, 0, size >> 3),
      () => new BigUint64Array(bytes.buffer, 0, size >> 3),
      () => this.#shared(size),
      () => this.#overridden(bytes),
      () => this.#subclassed(size),
      () => this.#resizable(size),
      () => this.#detached(bytes),
      () => Object.setPrototypeOf(bytes, this.#random.pick([null, Array.prototype, DataView.prototype])),
      () => Object.create(Uint8Array.prototype) as Uint8Array,
      () => this.trap(bytes) as Uint8Array,
      () => Object.preventExtensions(bytes),
      () =>
        ({ [Symbol.toStringTag]: "Uint8Array", length: size, buffer: bytes.buffer }) as unknown as Uint8Array,
    ];
    return this.#random.pick(makers)();
  }

  #after<T>(value: T): T {
    this.#mischief();
    return value;
  }

  #shared(size: number): Uint8Array {
    if (!("grow" in SharedArrayBuffer.prototype) || this.#random.chance(0.5))
      return new Uint8Array(new SharedArrayBuffer(size)).fill(65);
    const buffer = new GrowableBuffer(size, { maxByteLength: 2 * size });
    setImmediate(() => quietly(() => (buffer as unknown as { grow(length: number): void }).grow(2 * size)));
    return new Uint8Array(buffer).fill(65);
  }

  // Own properties over the intrinsic ones: lies about the length, or getters that reenter.
  #overridden(bytes: Uint8Array): Uint8Array {
    for (const name of namesOfViews) {
      if (this.#random.chance(0.6)) continue;
      const lie = this.#random.chance(0.8) ? this.number() : new ArrayBuffer(8);
      const get = this.#random.chance(0.5) ? () => this.#after(lie) : () => lie;
      Object.defineProperty(bytes, name, { get, configurable: true });
    }
    return bytes;
  }

  #subclassed(size: number): Uint8Array {
    const lie = this.number();
    const act = () => this.#after(lie);
    class Lying extends Uint8Array {
      static get [Symbol.species](): Uint8ArrayConstructor {
        act();
        return class extends Uint8Array {
          constructor() {
            super(1);
          }
        } as unknown as Uint8ArrayConstructor;
      }
    }
    const bytes = new Lying(size).fill(65);
    for (const name of namesOfViews) {
      if (this.#random.chance(0.3)) Object.defineProperty(Lying.prototype, name, { get: act });
    }
    return bytes;
  }

  #resizable(size: number): Uint8Array {
    const buffer = new ResizableBuffer(size, { maxByteLength: 2 * size + 1 });
    const bytes = this.#random.chance(0.5) ? new Uint8Array(buffer) : new Uint8Array(buffer, size >> 1);
    bytes.fill(65);
    const resize = () => quietly(() => buffer.resize(this.#random.integer(0, 2 * size + 1)));
    if (this.#random.chance(0.3)) resize();
    if (this.#random.chance(0.5)) queueMicrotask(resize);
    if (this.#random.chance(0.5)) setImmediate(resize);
    return bytes;
  }

  #detached(bytes: Uint8Array): Uint8Array {
    const detach = () => lose(bytes);
    if (this.#random.chance(0.4)) detach();
    else this.#random.later(detach);
    return bytes;
  }
}

/** Takes a view's memory away, where that is possible. */
export function lose(view: ArrayBufferView): void {
  quietly(() => structuredClone(view.buffer, { transfer: [view.buffer as ArrayBuffer] }));
}

function quietly(act: () => unknown): void {
  try {
    act();
  } catch {
    // memory that resists, or is gone
  }
}
