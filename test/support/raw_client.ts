import { createRequire } from "node:module";
import type { Scope } from "./scope.js";

interface Calls {
  socket(family: number, type: number, protocol: number): number;
  connect(socket: number, address: Uint8Array, size: number): number;
  send(socket: number, data: Uint8Array, size: number, flags: number): number;
  close(socket: number): number;
}

const windows = process.platform === "win32";
const inet = 2; // AF_INET, everywhere
const stream = 1; // SOCK_STREAM
const urgently = 1; // MSG_OOB

function load(): Calls {
  const koffi = createRequire(import.meta.url)("koffi") as typeof import("koffi");
  const library = koffi.load(windows ? "ws2_32.dll" : null);
  const handle = windows ? "uintptr_t" : "int";
  const long = windows ? "int" : "intptr_t"; // what send() returns
  const size = windows ? "int" : "size_t";
  return {
    socket: library.func("socket", handle, ["int", "int", "int"]),
    connect: library.func("connect", "int", [handle, "uint8_t *", windows ? "int" : "uint32_t"]),
    send: library.func("send", long, [handle, "uint8_t *", size, "int"]),
    close: library.func(windows ? "closesocket" : "close", "int", [handle]),
  } as unknown as Calls;
}

/** A client of 127.0.0.1 by the system's own, blocking calls: it can send urgent data, which node:net cannot. */
export class RawClient {
  readonly #calls: Calls;
  readonly #socket: number;

  /** Connects at once: whoever listens need not have accepted it. */
  constructor(scope: Scope, port: number) {
    this.#calls = load();
    this.#socket = this.#calls.socket(inet, stream, 0);
    scope.defer(() => this.#calls.close(this.#socket));
    const address = addressOf(port);
    const code = this.#calls.connect(this.#socket, address, address.length);
    if (code !== 0) throw new Error(`connect() of a raw client failed with ${code}`);
  }

  send(text: string): void {
    this.#send(text, 0);
  }

  /** The last byte is urgent: it lies outside of the stream, which a receive stops short at (RFC 6093). */
  sendUrgently(text: string): void {
    this.#send(text, urgently);
  }

  #send(text: string, flags: number): void {
    const bytes = Buffer.from(text);
    const sent = Number(this.#calls.send(this.#socket, bytes, bytes.length, flags));
    if (sent !== bytes.length)
      throw new Error(`send() of a raw client took ${sent} of ${bytes.length} bytes`);
  }
}

/** A sockaddr_in. The BSDs begin it with its size, the others with the family in two bytes. */
function addressOf(port: number): Uint8Array {
  const sized = process.platform === "darwin" || process.platform.endsWith("bsd");
  const bytes = Buffer.alloc(16);
  bytes.set(sized ? [bytes.length, inet] : [inet, 0]);
  bytes.writeUInt16BE(port, 2);
  bytes.set([127, 0, 0, 1], 4);
  return bytes;
}
