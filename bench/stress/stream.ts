import type { SendData } from "../../src/index.js";
import { Random } from "./random.js";

// Letters, so that a piece can be sent as text as well; a piece's place in them is random, so that a lost, doubled or
// moved piece shows.
const letters = Buffer.alloc(1 << 20);
const dice = new Random(1);
for (let index = 0; index < letters.length; index++) letters[index] = dice.integer(97, 122);

/** One send: bytes, and how many of them the OS took (undefined: nobody was told). */
export interface Piece {
  readonly bytes: Buffer;
  taken: number | undefined;
}

const idLength = 10;

/** What one end sends: first its own number, then pieces. */
export class Outgoing {
  readonly #pieces: Piece[] = [];
  /** All of it arrives, and then the end of the stream: our shutdown has completed. */
  complete = false;

  /** The first piece: who is sending. */
  introduction(id: number): Piece {
    return this.#add(Buffer.from(String(id).padStart(idLength, "0")));
  }

  next(random: Random): Piece {
    const size = random.size();
    const at = random.integer(0, letters.length - size);
    return this.#add(letters.subarray(at, at + size));
  }

  /** What must have arrived, if everything that nobody was told of has. */
  expected(): Buffer {
    return Buffer.concat(this.#pieces.map(({ bytes, taken }) => bytes.subarray(0, taken ?? bytes.length)));
  }

  /** Whether that is certain. */
  get certain(): boolean {
    return this.complete || this.#pieces.every(({ taken }) => taken !== undefined);
  }

  #add(bytes: Buffer): Piece {
    const piece = { bytes, taken: undefined };
    this.#pieces.push(piece);
    return piece;
  }
}

/** What one end has received. */
export class Incoming {
  readonly #chunks: Uint8Array[] = [];
  /** The peer's FIN was seen. */
  ended = false;

  /** Keeps the chunk, which must be the caller's own. */
  add(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
  }

  bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}

/** Who sent this; undefined when that much has not arrived. */
export function senderOf(bytes: Buffer): number | undefined {
  return bytes.length < idLength ? undefined : Number(bytes.toString("latin1", 0, idLength));
}

/** Compares; "" or what is wrong. */
export function difference(received: Buffer, sent: Outgoing, ended: boolean): string {
  const expected = sent.expected();
  if (received.length > expected.length) return `${received.length} bytes arrived of ${expected.length} sent`;
  if (received.compare(expected, 0, received.length) !== 0) {
    const at = received.findIndex((byte, index) => byte !== expected[index]);
    return `byte ${at} of ${received.length} is not the one sent`;
  }
  if (!ended || !sent.certain || received.length === expected.length) return "";
  return `the stream ended after ${received.length} bytes, and ${expected.length} were taken from the sender`;
}

/** The same bytes in one of the forms a program may send. */
export function formOf(bytes: Buffer, random: Random): SendData {
  const form = random.next();
  if (form < 0.6) return bytes;
  if (form < 0.8) return bytes.toString("latin1");
  const cut = random.integer(0, bytes.length);
  return [bytes.subarray(0, cut), bytes.toString("latin1", cut)];
}
