import { Buffer } from "node:buffer";
import { types } from "node:util";
import { type PortsideError, rangeError, typeError } from "./errors.js";

/** Bytes to send; a string is sent as UTF-8. */
export type Bytes = Uint8Array | string;

/** Bytes to send, or a list of them, gathered into one send. */
export type SendData = Bytes | readonly Bytes[];

const { isUint8Array } = types;

// One send's result is a number of 31 bits in the rings.
const mostOfOneSend = 0x7fffffff;

/** What a program passed, checked. A list is copied: what it holds is looked at once, whatever it really is. */
export function sendDataOf(data: unknown): SendData {
  if (typeof data === "string") return data;
  if (isUint8Array(data)) {
    if (data.byteLength > mostOfOneSend) throw tooLong(data.byteLength);
    return data;
  }
  if (!Array.isArray(data)) throw typeError("data", "a Uint8Array, a string or a list of these", data);
  const parts: Bytes[] = [];
  let most = 0;
  for (let i = 0; i < data.length; i++) {
    const part: unknown = data[i];
    if (typeof part !== "string" && !isUint8Array(part)) {
      throw typeError(`data[${i}]`, "a Uint8Array or a string", part);
    }
    parts.push(part);
    most += mostBytes(part);
  }
  if (most > mostOfOneSend) throw tooLong(most);
  return parts;
}

function tooLong(bytes: number): PortsideError {
  return rangeError(
    "data's length in bytes (in several sends it can be as long as you like)",
    0,
    mostOfOneSend,
    bytes,
  );
}

/** The most bytes that `data` can take, without encoding it. */
export function mostBytes(data: SendData): number {
  // A UTF-16 code unit takes at most three bytes of UTF-8 (RFC 3629, section 3).
  if (typeof data === "string") return data.length * 3;
  if (isUint8Array(data)) return data.byteLength;
  let most = 0;
  for (const part of data as readonly Bytes[]) most += mostBytes(part);
  return most;
}

export function encoded(data: Bytes): Uint8Array {
  return typeof data === "string" ? Buffer.from(data, "utf8") : data;
}

/** The bytes of any view, as bytes. */
export function bytesOfView(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** How long a view is; 0 when its buffer is detached. */
export function lengthOfView(view: ArrayBufferView): number {
  try {
    return view.byteLength;
  } catch {
    return 0; // a DataView of a detached buffer does not even tell that
  }
}
