import type { Connection, Library, Receiver } from "./library.js";

/** Bytes of every message of the main job. */
export const messageBytes = 64;

let connections = 0;

/** A client that sends one message at a time and compares every byte that comes back. */
export class EchoConnection implements Receiver {
  /** No two messages of a run are the same: they begin with the connection and their own number. */
  readonly #message = Buffer.alloc(messageBytes, "Portside, the server side of the wire. ");
  #connection: Connection | undefined;
  #sequence = 0;
  #received = 0;
  #lost: Error | undefined;
  #settle: ((error?: Error) => void) | undefined;

  static async open(library: Library, port: number): Promise<EchoConnection> {
    const self = new EchoConnection();
    self.#message.writeUInt32LE(++connections, 0);
    self.#connection = await library.connect(port, self);
    return self;
  }

  /** Sends the next message; resolves when it is back, rejects when something else came or nothing can. */
  exchange(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#lost) return reject(this.#lost);
      this.#received = 0;
      this.#message.writeUInt32LE(++this.#sequence, 4);
      this.#settle = (error) => (error ? reject(error) : resolve());
      this.#connection?.write(this.#message);
    });
  }

  data(chunk: Uint8Array): void {
    const end = this.#received + chunk.length;
    const expected = this.#settle !== undefined && end <= messageBytes;
    if (!expected || this.#message.compare(chunk, 0, chunk.length, this.#received, end) !== 0) {
      this.lost(new Error("other bytes came back than were sent"));
      return;
    }
    this.#received = end;
    if (end === messageBytes) this.#finish();
  }

  lost(reason: Error): void {
    this.#lost ??= reason;
    this.#finish(this.#lost);
  }

  close(): void {
    this.#connection?.close();
  }

  #finish(error?: Error): void {
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.(error);
  }
}
