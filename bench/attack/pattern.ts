import { Random } from "../stress/random.js";

// Every victim's bytes are 128 or more, every attacker's less: one that turns up at the other's is seen at once.
const length = 65_521; // a prime, so that streams that are moved by a buffer's size do not match
const noise = Buffer.alloc(2 * length);
const dice = new Random(20);
for (let index = 0; index < length; index++)
  noise[index] = noise[index + length] = 128 + dice.integer(0, 127);

/** At most this many bytes at a time. */
export const longestPiece = 30_000;

/** Bytes of the stream of connection `id`, from `offset` on. */
export function piece(id: number, offset: number, size: number): Buffer {
  const at = (id * 7919 + offset) % length;
  return noise.subarray(at, at + size);
}

/** The place of the first byte that is not the stream's; -1: all are. */
export function firstWrong(id: number, offset: number, received: Uint8Array): number {
  for (let at = 0; at < received.length; at += longestPiece) {
    const part = received.subarray(at, at + longestPiece);
    const expected = piece(id, offset + at, part.length);
    if (expected.equals(part)) continue;
    return at + part.findIndex((byte, index) => byte !== expected[index]);
  }
  return -1;
}

/** Whether there is a byte among these that can only be a victim's. */
export function hasVictimsByte(bytes: Uint8Array): boolean {
  return bytes.some((byte) => byte >= 128);
}
