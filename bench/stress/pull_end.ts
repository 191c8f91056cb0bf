import type { PortsideError, TcpSocket } from "../../src/index.js";
import type { Calls, Canceler } from "./calls.js";
import { End } from "./end.js";
import type { Ledger } from "./ledger.js";
import type { Random } from "./random.js";
import { formOf, type Piece } from "./stream.js";

const mostSends = 12;
const mostOutstanding = 4;

/** Pull style: several sends and receives outstanding, some of them cancelled. */
export class PullEnd extends End {
  readonly #calls: Calls;
  #broken = false;
  #sends = 0;
  #receives = 0;

  constructor(id: number, style: string, random: Random, ledger: Ledger, calls: Calls) {
    super(id, style, random, ledger);
    this.#calls = calls;
  }

  protected override async live(socket: TcpSocket): Promise<void> {
    const work = Promise.all([this.#sendAll(socket), this.#receiveAll(socket)]);
    if (this.manner !== "orderly") {
      await Promise.race([work, new Promise((resolve) => setTimeout(resolve, this.random.integer(0, 30)))]);
    } else {
      await work;
    }
    await this.leave(socket);
    await work; // what was pending has been cancelled
  }

  override get state(): string {
    const ended = this.incoming.ended ? ", the peer's end seen" : "";
    return `${this.#sends} sends and ${this.#receives} receives outstanding${ended}`;
  }

  async #sendAll(socket: TcpSocket): Promise<void> {
    const random = this.random.fork();
    const outstanding = new Set<Promise<void>>();
    let piece = this.outgoing.introduction(this.id);
    for (let left = random.integer(0, mostSends); ; left--) {
      const sending = this.#send(socket, piece, random).finally(() => outstanding.delete(sending));
      outstanding.add(sending);
      if (left === 0 || this.#broken) break;
      await random.pause();
      if (outstanding.size >= mostOutstanding) await Promise.race(outstanding);
      piece = this.outgoing.next(random);
    }
    await Promise.all(outstanding);
    if (this.manner === "orderly" && !this.#broken) await this.#finish(socket);
  }

  async #send(socket: TcpSocket, piece: Piece, random: Random): Promise<void> {
    const canceler = this.#maybeCancel(random, 0.1);
    this.#sends++;
    try {
      const sending = this.#calls.send(socket, formOf(piece.bytes, random), canceler);
      piece.taken = await this.ledger.track(`send, ${this.style}`, sending);
    } catch (error) {
      const { code, bytesSent } = error as PortsideError;
      piece.taken = bytesSent ?? 0;
      if (canceler === undefined || code !== "ECANCELED") this.#fail(error as PortsideError);
    } finally {
      this.#sends--;
    }
  }

  async #finish(socket: TcpSocket): Promise<void> {
    try {
      await this.ledger.track("shutdown", socket.shutdown());
      this.outgoing.complete = true;
    } catch (error) {
      this.#fail(error as PortsideError);
    }
  }

  async #receiveAll(socket: TcpSocket): Promise<void> {
    const random = this.random.fork();
    while (!this.incoming.ended && !this.#broken) {
      const count = random.chance(0.7) ? 1 : random.integer(2, mostOutstanding);
      const receives = Array.from({ length: count }, () => this.#receive(socket, random));
      for (const chunk of await Promise.all(receives)) {
        if (chunk === null) this.incoming.ended = true;
        else if (chunk === undefined) continue;
        else if (this.incoming.ended)
          this.ledger.violation("bytes were received after the end of the stream");
        else this.incoming.add(chunk);
      }
      if (random.chance(0.3)) await random.pause();
    }
  }

  /** Undefined when there is neither a chunk nor an end. */
  async #receive(socket: TcpSocket, random: Random): Promise<Uint8Array | null | undefined> {
    const canceler = this.#maybeCancel(random, 0.1);
    this.#receives++;
    try {
      const receiving = this.#calls.receive(socket, random.integer(1, 65_536), canceler);
      return await this.ledger.track(`receive, ${this.style}`, receiving);
    } catch (error) {
      const { code } = error as PortsideError;
      if (canceler === undefined || code !== "ECANCELED") this.#fail(error as PortsideError);
      return undefined;
    } finally {
      this.#receives--;
    }
  }

  #maybeCancel(random: Random, probability: number): Canceler {
    return random.chance(probability) ? (cancel) => random.later(cancel) : undefined;
  }

  // A failed send says nothing of what the peer has sent before; the receives find the end by themselves.
  #fail(error: PortsideError): void {
    if (error.syscall === "recv" || error.code === "EBADF" || error.code === "ECANCELED") this.#broken = true;
    this.error(error);
  }
}
