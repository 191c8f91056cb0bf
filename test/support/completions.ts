import type { CompletionPort, Operation, PortsideError, TcpSocket } from "portside";
import { deferred } from "./wait.js";

export interface Completion {
  readonly error: PortsideError | null;
  readonly result: number | TcpSocket | undefined;
  readonly operation: Operation;
}

/** One reusable operation, whose completions are kept. */
export class Completions {
  readonly operation: Operation;
  /** All completions so far. */
  readonly seen: Completion[] = [];
  readonly #waits: { count: number; resolve: (completion: Completion) => void }[] = [];

  constructor(port: CompletionPort, extra?: (completion: Completion) => void) {
    this.operation = port.operation((error, result, operation) => {
      const completion = { error, result, operation };
      this.seen.push(completion);
      for (const wait of this.#waits) if (wait.count === this.seen.length) wait.resolve(completion);
      extra?.(completion);
    });
  }

  /** The `count`th completion, past or to come. */
  nth(count: number): Promise<Completion> {
    const past = this.seen[count - 1];
    if (past) return Promise.resolve(past);
    const wait = deferred<Completion>();
    this.#waits.push({ count, resolve: wait.resolve });
    return wait.promise;
  }
}
