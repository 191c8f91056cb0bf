import { CompletionPort } from "portside";
import { describe, expect, it } from "vitest";
import { difference } from "../support/bytes.js";
import { deferred } from "../support/wait.js";

const bytes = () => Uint8Array.from({ length: 64 }, (_, i) => i);

const views: [string, (buffer: ArrayBuffer) => ArrayBufferView<ArrayBuffer>][] = [
  ["a Uint8Array", (buffer) => new Uint8Array(buffer, 8, 16)],
  ["a Buffer", (buffer) => Buffer.from(buffer, 8, 16)],
  ["a Uint8ClampedArray", (buffer) => new Uint8ClampedArray(buffer, 8, 16)],
  ["an Int16Array", (buffer) => new Int16Array(buffer, 8, 8)],
  ["a Float64Array", (buffer) => new Float64Array(buffer, 8, 2)],
  ["a BigUint64Array", (buffer) => new BigUint64Array(buffer, 8, 2)],
  ["a DataView", (buffer) => new DataView(buffer, 8, 16)],
];

/** What is posted next to a port of its own. */
async function posted(value: unknown): Promise<unknown> {
  await using port = new CompletionPort();
  const got = deferred<unknown>();
  port.on("posted", got.resolve);
  port.post(value);
  return await got.promise;
}

const truth = (view: ArrayBufferView<ArrayBuffer>) =>
  new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

describe.each(views)("A posted view (%s)", (_, make) => {
  it("arrives as what it is", async () => {
    const view = make(bytes().buffer);
    const got = (await posted(view)) as ArrayBufferView<ArrayBuffer>;
    expect(Object.getPrototypeOf(got)).toBe(Object.getPrototypeOf(view));
    expect(difference(truth(got), truth(view))).toBe("");
  });

  it("is packed by what it is, not by what it says of itself", async () => {
    const view = make(bytes().buffer);
    let asked = 0;
    for (const name of ["byteLength", "byteOffset", "length", "buffer", Symbol.toStringTag])
      Object.defineProperty(view, name, { get: () => [64, 1, 0, 8][asked++ % 4] });
    const [got, next] = (await posted([view, "next"])) as [ArrayBufferView<ArrayBuffer>, string];
    expect(Object.getPrototypeOf(got)).toBe(Object.getPrototypeOf(view));
    expect(difference(truth(got), bytes().subarray(8, 24))).toBe("");
    expect(next).toBe("next");
    expect(asked).toBe(0);
  });
});

describe("A value whose getter throws", () => {
  it("is refused, and what was thrown is not made a text of", async () => {
    await using port = new CompletionPort();
    let asked = 0;
    const thrown = {
      toString: () => {
        asked++;
        return "text";
      },
    };
    const value = Object.defineProperty({}, "x", {
      enumerable: true,
      get: () => {
        throw thrown;
      },
    });
    expect(() => port.post(value)).toThrowError(expect.objectContaining({ name: "DataCloneError" }));
    expect(asked).toBe(0);
  });
});
