import type { ListenHandlers, PortsideError, TcpListener, TcpSocket } from "portside";
import { deferred } from "./wait.js";

export type EventName = "open" | "data" | "drain" | "end" | "error" | "close" | "shortage";

export interface RecordedEvent {
  readonly name: EventName;
  readonly source: TcpSocket | TcpListener;
  readonly chunk?: Uint8Array;
  readonly error?: PortsideError | null;
}

interface Wait {
  readonly name: EventName;
  readonly count: number;
  resolve(event: RecordedEvent): void;
}

/**
 * Push-style handlers that write down what they are called with. `without` leaves handlers out (a socket
 * without `end` behaves differently); `extra` are functions called after the recording, to act inside a handler.
 */
export class Recorder {
  readonly events: RecordedEvent[] = [];
  readonly handlers: ListenHandlers;
  readonly #counts = new Map<EventName, number>();
  /** Bytes of all chunks. */
  #length = 0;
  #waits: Wait[] = [];

  constructor(extra: ListenHandlers = {}, without: readonly EventName[] = []) {
    const handlers: Required<ListenHandlers> = {
      open: (socket) => {
        this.#record({ name: "open", source: socket });
        extra.open?.(socket);
      },
      data: (socket, chunk) => {
        this.#record({ name: "data", source: socket, chunk });
        extra.data?.(socket, chunk);
      },
      drain: (socket) => {
        this.#record({ name: "drain", source: socket });
        extra.drain?.(socket);
      },
      end: (socket) => {
        this.#record({ name: "end", source: socket });
        extra.end?.(socket);
      },
      error: (socket, error) => {
        this.#record({ name: "error", source: socket, error });
        extra.error?.(socket, error);
      },
      close: (socket) => {
        this.#record({ name: "close", source: socket });
        extra.close?.(socket);
      },
      shortage: (listener, error) => {
        this.#record({ name: "shortage", source: listener, error });
        extra.shortage?.(listener, error);
      },
    };
    for (const name of without) delete (handlers as ListenHandlers)[name];
    this.handlers = handlers;
  }

  /** The names so far, in order; of one socket or of all; repeated "data" events count as one. */
  names(source?: TcpSocket | TcpListener): EventName[] {
    const names = this.#of(source).map((event) => event.name);
    return names.filter((name, index) => name !== "data" || names[index - 1] !== "data");
  }

  /** Everything received so far. */
  bytes(source?: TcpSocket | TcpListener): Buffer {
    return Buffer.concat(this.#of(source).flatMap((event) => (event.chunk ? [event.chunk] : [])));
  }

  /** How many bytes were received so far, by all sockets. Cheap, unlike bytes(). */
  get length(): number {
    return this.#length;
  }

  count(name: EventName): number {
    return this.#counts.get(name) ?? 0;
  }

  /** The `count`th event of that name, past or to come. */
  async next(name: EventName, count = 1): Promise<RecordedEvent> {
    const past = this.events.filter((event) => event.name === name)[count - 1];
    if (past) return past;
    const wait = deferred<RecordedEvent>();
    this.#waits.push({ name, count, resolve: wait.resolve });
    return wait.promise;
  }

  /** Resolves when at least that many bytes have arrived. */
  async received(length: number): Promise<Buffer> {
    while (this.#length < length) await this.next("data", this.count("data") + 1);
    return this.bytes();
  }

  #of(source: TcpSocket | TcpListener | undefined): RecordedEvent[] {
    return source ? this.events.filter((event) => event.source === source) : this.events;
  }

  #record(event: RecordedEvent): void {
    this.events.push(event);
    this.#length += event.chunk?.length ?? 0;
    const count = (this.#counts.get(event.name) ?? 0) + 1;
    this.#counts.set(event.name, count);
    const wanted = (wait: Wait) => wait.name === event.name && wait.count === count;
    const waits = this.#waits.filter(wanted);
    if (waits.length === 0) return;
    this.#waits = this.#waits.filter((wait) => !wanted(wait));
    for (const wait of waits) wait.resolve(event);
  }
}
