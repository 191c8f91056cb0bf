import type { PortsideError, SocketHandlers, TcpSocket } from "../../src/index.js";
import { End } from "./end.js";
import { formOf } from "./stream.js";

const mostWrites = 12;

/** Push style: writes under back-pressure, and pauses. */
export class PushEnd extends End {
  #left = this.random.integer(0, mostWrites);
  #blocked = false;
  #shut = false;
  #closed = false;
  #tellGone!: () => void;
  readonly #gone = new Promise<void>((resolve) => {
    this.#tellGone = resolve;
  });

  protected override async live(socket: TcpSocket): Promise<void> {
    if (this.manner !== "orderly") setTimeout(() => void this.#quit(socket), this.random.integer(0, 30));
    this.#write(socket, true);
    await this.#gone;
  }

  override get state(): string {
    const doing = this.#blocked ? "waits for drain" : this.#shut ? "has shut down" : "writes";
    return `${doing}, ${this.#left} writes left${this.incoming.ended ? ", the peer's end seen" : ""}`;
  }

  data(socket: TcpSocket, chunk: Uint8Array): void {
    this.#checkOpen("data");
    this.incoming.add(Uint8Array.from(chunk)); // a borrowed one is gone in a moment
    if (!this.random.chance(0.1) || socket.closed) return;
    socket.pause();
    this.random.later(() => void socket.resume());
  }

  drained(socket: TcpSocket): void {
    this.#checkOpen("drain");
    if (!this.#blocked) this.ledger.violation("drain came without write() having returned false");
    this.#blocked = false;
    this.#write(socket);
  }

  ended(socket: TcpSocket): void {
    this.#checkOpen("end");
    if (this.incoming.ended) this.ledger.violation("end came twice");
    this.incoming.ended = true;
    void this.#quitWhenDone(socket);
  }

  failed(error: PortsideError): void {
    this.#checkOpen("error");
    this.error(error);
  }

  closed(): void {
    this.#checkOpen("close");
    this.#closed = true;
    this.#tellGone();
  }

  #write(socket: TcpSocket, first = false): void {
    if (socket.closed || this.#shut) return;
    if (!first && this.#left-- <= 0) return void this.#finish(socket);
    const piece = first ? this.outgoing.introduction(this.id) : this.outgoing.next(this.random);
    this.ledger.count("write");
    // Nobody tells what becomes of a write(): all of it goes out, unless the connection ends before.
    this.#blocked = !socket.write(formOf(piece.bytes, this.random));
    if (!this.#blocked) this.random.later(() => this.#write(socket));
  }

  async #finish(socket: TcpSocket): Promise<void> {
    this.#shut = true;
    try {
      await this.ledger.track("shutdown", socket.shutdown());
      this.outgoing.complete = true;
    } catch (error) {
      this.error(error as PortsideError);
    }
    await this.#quitWhenDone(socket);
  }

  async #quitWhenDone(socket: TcpSocket): Promise<void> {
    if (this.incoming.ended && this.#shut && (this.outgoing.complete || this.errors.length > 0))
      await this.#quit(socket);
  }

  async #quit(socket: TcpSocket): Promise<void> {
    if (!socket.closed) await this.leave(socket);
  }

  #checkOpen(handler: string): void {
    if (this.#closed) this.ledger.violation(`the handler ${handler} was called after close`);
  }
}

function endOf(socket: TcpSocket): PushEnd {
  return socket.data as PushEnd;
}

/** Handlers for many ends: `open` gives each socket its own, in `data`. */
export function handlersFor(open: (socket: TcpSocket) => void): SocketHandlers {
  return {
    open,
    data: (socket, chunk) => endOf(socket).data(socket, chunk),
    drain: (socket) => endOf(socket).drained(socket),
    end: (socket) => endOf(socket).ended(socket),
    error: (socket, error) => endOf(socket).failed(error),
    close: (socket) => endOf(socket).closed(),
  };
}
