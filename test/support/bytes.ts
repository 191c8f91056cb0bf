import type { TcpSocket } from "portside";

/** Bytes of which no two 64 KiB stretches are alike, so that a lost, doubled or moved chunk shows. */
export function pattern(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  // xorshift32; the seed must not become 0.
  let state = (Math.imul(seed, 0x9e3779b1) | 1) >>> 0;
  for (let index = 0; index < length; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[index] = state;
  }
  return bytes;
}

/** Compares without vitest's diff, which takes minutes over megabytes. Gives "" or says where they differ. */
export function difference(actual: Uint8Array, expected: Uint8Array): string {
  if (Buffer.compare(actual, expected) === 0) return "";
  const length = Math.min(actual.length, expected.length);
  let index = 0;
  while (index < length && actual[index] === expected[index]) index++;
  return `lengths ${actual.length} and ${expected.length}, first difference at byte ${index}`;
}

/** Receives exactly `length` bytes; throws when the stream ends before. */
export async function receive(socket: TcpSocket, length: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let missing = length;
  while (missing > 0) {
    const chunk = await socket.recv({ size: Math.min(missing, 65_536) });
    if (chunk === null) throw new Error(`the stream ended ${missing} of ${length} bytes early`);
    chunks.push(chunk);
    missing -= chunk.length;
  }
  return Buffer.concat(chunks);
}

/** Receives until the end of the stream. */
export async function receiveToEnd(socket: TcpSocket): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for (let chunk = await socket.recv(); chunk !== null; chunk = await socket.recv()) chunks.push(chunk);
  return Buffer.concat(chunks);
}
