import { Buffer } from "node:buffer";
import { types } from "node:util";
import { type PortsideError, tooMuchError, typeError } from "./errors.js";
import { isRevoked, ofDataView, ofTypedArray } from "./intrinsics.js";
import { shown } from "./shown.js";

/** Bytes to send: any view, or a whole buffer; a string is sent as UTF-8. */
export type Bytes = ArrayBufferView | ArrayBuffer | string;

/** Bytes to send, or a list of them, gathered into one send. */
export type SendData = Bytes | readonly Bytes[];

/** What a program passed, checked: its length is asked of {@link lengthOf} only. */
export type Part = Uint8Array | string;
export type Parts = Part | readonly Part[];

const { isUint8Array, isDataView, isArrayBuffer } = types;
const isView = ArrayBuffer.isView;

// More parts than these are no message any more, but somebody's mistake.
const mostParts = 1 << 20;

// One send's result is a number of 31 bits in the rings.
const mostOfOneSend = 0x7fffffff;

/** What a program passed, checked. A list is copied: what it holds is looked at once, whatever it really is. */
export function sendDataOf(data: unknown): Parts {
  const part = partOf(data);
  if (part !== undefined) {
    if (lengthOf(part) > mostOfOneSend) throw tooLong(lengthOf(part));
    return part;
  }
  if (isRevoked(data) || !Array.isArray(data))
    throw typeError(
      "data",
      "bytes (a Uint8Array or another view, an ArrayBuffer), a string, or a list of these",
      data,
    );
  const parts: Part[] = [];
  const count = data.length;
  // A list need not be an honest one.
  if (!Number.isInteger(count) || count < 0 || count > mostParts) {
    throw tooMuchError(
      `data must be a list of at most ${mostParts} parts, not of ${shown(count)}; join some of them`,
    );
  }
  for (let i = 0; i < count; i++) {
    const part = partOf(data[i]);
    if (part === undefined) throw typeError(`data[${i}]`, "bytes or a string", data[i]);
    parts[i] = part;
  }
  // Only now: reading the list may have run the program's code, and that may have detached a part.
  let length = 0;
  for (let i = 0; i < count; i++) length += lengthOf(parts[i] as Part);
  if (length > mostOfOneSend) throw tooLong(length);
  return parts;
}

function partOf(data: unknown): Part | undefined {
  if (typeof data === "string" || isUint8Array(data)) return data;
  if (isView(data)) return bytesOfView(data);
  if (!isArrayBuffer(data)) return undefined;
  try {
    return new Uint8Array(data);
  } catch {
    return new Uint8Array(0); // it is detached, and has no more bytes than a view of it would have
  }
}

function tooLong(bytes: number): PortsideError {
  return tooMuchError(
    `data must be at most ${mostOfOneSend} bytes (a character of a string counts as 3), not ${bytes}; send it in several pieces`,
  );
}

/** Bytes of a part; of a string the most that it can take. */
function lengthOf(part: Part): number {
  // A UTF-16 code unit takes at most three bytes of UTF-8 (RFC 3629, section 3).
  return typeof part === "string" ? part.length * 3 : ofTypedArray.length(part);
}

/** The most bytes that `parts` can take, without encoding anything. */
export function mostBytes(parts: Parts): number {
  if (typeof parts === "string" || isUint8Array(parts)) return lengthOf(parts);
  let most = 0;
  for (let i = 0; i < parts.length; i++) most += lengthOf((parts as readonly Part[])[i] as Part);
  return most;
}

/** How many bytes `parts` are. */
export function bytesIn(parts: Parts): number {
  if (typeof parts === "string") return Buffer.byteLength(parts, "utf8");
  if (isUint8Array(parts)) return lengthOf(parts);
  let bytes = 0;
  for (let i = 0; i < parts.length; i++) bytes += bytesIn(parts[i] as Part);
  return bytes;
}

export function encoded(part: Part): Uint8Array {
  return typeof part === "string" ? Buffer.from(part, "utf8") : part;
}

/** The bytes of any view, as bytes; none when its buffer is gone. */
export function bytesOfView(view: ArrayBufferView): Uint8Array {
  const length = lengthOfView(view);
  if (length === 0) return new Uint8Array(0);
  const of = isDataView(view) ? ofDataView : ofTypedArray;
  return new Uint8Array(of.buffer(view), of.offset(view), length);
}

/** How long a view is, in bytes; 0 when its buffer is detached, or has shrunk so far that the view is out of bounds. */
export function lengthOfView(view: ArrayBufferView): number {
  if (!isDataView(view)) return ofTypedArray.length(view);
  try {
    return ofDataView.length(view);
  } catch {
    return 0; // a DataView without its bytes does not even tell that
  }
}

/** Bytes of a part that is no text. */
export const byteLength: (bytes: Uint8Array) => number = ofTypedArray.length;
