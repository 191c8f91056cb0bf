import { types } from "node:util";
import { typeError } from "./errors.js";

/** Bytes to send; a string is sent as UTF-8. */
export type Bytes = Uint8Array | string;

/** Bytes to send, or a list of them, gathered into one send. */
export type SendData = Bytes | readonly Bytes[];

const { isUint8Array } = types;

/** Refuses what is not bytes. */
export function checkSendData(data: unknown): asserts data is SendData {
  if (typeof data === "string" || isUint8Array(data)) return;
  if (!Array.isArray(data)) throw typeError("data", "a Uint8Array, a string or a list of these", data);
  for (let i = 0; i < data.length; i++) {
    if (typeof data[i] !== "string" && !isUint8Array(data[i])) {
      throw typeError(`data[${i}]`, "a Uint8Array or a string", data[i]);
    }
  }
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
