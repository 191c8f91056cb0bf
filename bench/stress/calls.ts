import type {
  CompletionPort,
  Operation,
  PortsideError,
  SendData,
  TcpListener,
  TcpSocket,
} from "../../src/index.js";
import type { Ledger } from "./ledger.js";

/** When given, called with what cancels the operation. */
export type Canceler = ((cancel: () => void) => void) | undefined;

/** Pull style, by promises or by reusable operations. */
export interface Calls {
  accept(listener: TcpListener, canceler: Canceler): Promise<TcpSocket>;
  send(socket: TcpSocket, data: SendData, canceler: Canceler): Promise<number>;
  /** At least one byte, or null at the end of the stream. */
  receive(socket: TcpSocket, size: number, canceler: Canceler): Promise<Uint8Array | null>;
}

/** One promise an operation; cancelled by a signal. */
export class PromiseCalls implements Calls {
  accept(listener: TcpListener, canceler: Canceler): Promise<TcpSocket> {
    return listener.accept({ signal: signalFor(canceler) });
  }

  send(socket: TcpSocket, data: SendData, canceler: Canceler): Promise<number> {
    return socket.send(data, { signal: signalFor(canceler) });
  }

  async receive(socket: TcpSocket, size: number, canceler: Canceler): Promise<Uint8Array | null> {
    const signal = signalFor(canceler);
    if (size % 2 === 0) return socket.recv({ size, signal });
    const buffer = new Uint8Array(size);
    const length = await socket.recvInto(buffer, { signal });
    return length === 0 ? null : buffer.subarray(0, length);
  }
}

function signalFor(canceler: Canceler): AbortSignal | undefined {
  if (!canceler) return undefined;
  const controller = new AbortController();
  canceler(() => controller.abort());
  return controller.signal;
}

/** Reusable operations; each use must complete once, and nothing else may. */
export class OperationCalls implements Calls {
  readonly #port: CompletionPort;
  readonly #ledger: Ledger;
  readonly #free: Reusable[] = [];

  constructor(port: CompletionPort, ledger: Ledger) {
    this.#port = port;
    this.#ledger = ledger;
  }

  accept(listener: TcpListener, canceler: Canceler): Promise<TcpSocket> {
    return this.#use((operation) => operation.accept(listener), canceler) as Promise<TcpSocket>;
  }

  send(socket: TcpSocket, data: SendData, canceler: Canceler): Promise<number> {
    return this.#use((operation) => operation.send(socket, data), canceler) as Promise<number>;
  }

  async receive(socket: TcpSocket, size: number, canceler: Canceler): Promise<Uint8Array | null> {
    const buffer = new Uint8Array(size);
    const length = (await this.#use((operation) => operation.recv(socket, buffer), canceler)) as number;
    return length === 0 ? null : buffer.subarray(0, length);
  }

  async #use(
    submit: (operation: Operation) => void,
    canceler: Canceler,
  ): Promise<number | TcpSocket | undefined> {
    const reusable = this.#free.pop() ?? new Reusable(this.#port, this.#ledger);
    try {
      return await reusable.use(submit, canceler);
    } finally {
      this.#free.push(reusable);
    }
  }
}

class Reusable {
  readonly #operation: Operation;
  #settle: ((error: PortsideError | null, result: number | TcpSocket | undefined) => void) | undefined;
  #uses = 0;

  constructor(port: CompletionPort, ledger: Ledger) {
    this.#operation = port.operation((error, result) => {
      const settle = this.#settle;
      this.#settle = undefined;
      if (settle) settle(error, result);
      else ledger.violation("an operation completed that was not pending");
    });
  }

  use(submit: (operation: Operation) => void, canceler: Canceler): Promise<number | TcpSocket | undefined> {
    return new Promise((resolve, reject) => {
      submit(this.#operation);
      this.#settle = (error, result) => (error ? reject(error) : resolve(result));
      const use = ++this.#uses;
      // A cancel that comes late must not hit the next use.
      canceler?.(() => {
        if (use === this.#uses) this.#operation.cancel();
      });
    });
  }
}
