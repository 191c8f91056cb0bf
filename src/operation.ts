import { type InspectOptions, inspect } from "node:util";
import { type SendData, sendDataOf } from "./bytes.js";
import { type Context, callIn, currentContext } from "./context.js";
import type { Core } from "./core.js";
import { closedError, notConstructible, type PortsideError, stateError, typeError } from "./errors.js";
import { inspectAs } from "./inspecting.js";
import { isListener, listenerInner, type TcpListener } from "./listener.js";
import { Opcode } from "./names.js";
import { checkInteger } from "./options.js";
import { bufferGone, copyInto, type Outcome, outcomeError, type Waiting } from "./pending.js";
import { inner, isSocket, roomIn, type TcpSocket } from "./socket.js";

/**
 * Called once for every submission: with the error, or with the result (bytes of a receive or a send, the socket of an
 * accept, undefined of a timer). The operation may be submitted again from within.
 */
export type OperationHandler = (
  error: PortsideError | null,
  result: number | TcpSocket | undefined,
  operation: Operation,
) => void;

type Kind = "recv" | "send" | "accept" | "timer";

export let makeOperation: (core: Core, onComplete: OperationHandler) => Operation;

// Only makeOperation() can make operations.
const key = Symbol("Operation");

/**
 * A reusable operation: no promise, no closure, no allocation per use. For library authors and for measurement.
 * Submitting throws when it is refused; then no completion follows.
 */
export class Operation {
  readonly #core: Core;
  readonly #onComplete: OperationHandler;
  readonly #context: Context;
  readonly #waiting: Waiting;
  #token = 0;
  #kind: Kind = "timer";
  #buffer: ArrayBufferView | undefined;
  #sender: TcpSocket | undefined;

  private constructor(made: symbol, core: Core, onComplete: OperationHandler) {
    if (made !== key) throw notConstructible("Operation", "CompletionPort.operation() makes them");
    this.#core = core;
    this.#onComplete = onComplete;
    this.#context = currentContext();
    this.#waiting = { settle: (core, outcome) => this.#settle(core, outcome) };
  }

  /** Between submission and completion. */
  get pending(): boolean {
    return this.#token !== 0;
  }

  /** Receives into `buffer`, which must stay as it is until the completion; 0 bytes: the end of the stream. */
  recv(socket: TcpSocket, buffer: ArrayBufferView): this {
    this.#checkSocket(socket);
    inner.checkReceivable(socket);
    const room = roomIn(buffer);
    const token = this.#begin("recv");
    this.#buffer = buffer;
    this.#submit(Opcode.receive, inner.index(socket), inner.generation(socket), token, room);
    return this;
  }

  /** Sends; the data is the caller's again when this returns. */
  send(socket: TcpSocket, data: SendData): this {
    this.#checkSocket(socket);
    const parts = sendDataOf(data); // may run the program's code: the state is looked at behind it
    inner.checkSendable(socket);
    const token = this.#begin("send");
    try {
      this.#core.sending.send(inner.index(socket), inner.generation(socket), token, parts);
    } catch (error) {
      this.#token = 0;
      this.#core.expectNot(token);
      throw error; // a text that is too long to be encoded
    }
    this.#sender = socket;
    inner.sendBegins(socket);
    return this;
  }

  /** Accepts a connection of a pull-style listener. */
  accept(listener: TcpListener): this {
    if (!isListener(listener)) throw typeError("listener", "a TcpListener", listener);
    this.#checkOwner(listenerInner.core(listener));
    listenerInner.checkAcceptable(listener);
    const { index, generation } = listenerInner.id(listener);
    this.#submit(Opcode.accept, index, generation, this.#begin("accept"), 0);
    return this;
  }

  /** Completes after that many milliseconds (0 to 2147483647), never earlier. */
  timer(milliseconds: number): this {
    checkInteger("milliseconds", milliseconds, 0, 0x7fffffff);
    this.#submit(Opcode.timer, 0, 0, this.#begin("timer"), milliseconds);
    return this;
  }

  /** Completes it with `ECANCELED`, unless it has finished: then its result stands. False when nothing is pending. */
  cancel(): boolean {
    if (this.#token === 0) return false;
    this.#core.cancel(this.#token);
    return true;
  }

  /** What it does, or did last, and whether it is pending. */
  toJSON(): object {
    return { type: "Operation", kind: this.#kind, pending: this.pending };
  }

  [inspect.custom](depth: number, options: InspectOptions): string {
    return inspectAs("Operation", #core in this ? this.toJSON() : undefined, depth, options);
  }

  #settle(core: Core, outcome: Outcome): void {
    const buffer = this.#buffer;
    this.#token = 0;
    this.#buffer = undefined;
    if (this.#sender) inner.sendEnds(this.#sender);
    this.#sender = undefined;
    if (outcome.error !== 0) return this.#complete(outcomeError(this.#kind, outcome), undefined);
    if (this.#kind === "accept") return this.#complete(null, core.acceptedSocket(outcome));
    if (this.#kind === "timer") return this.#complete(null, undefined);
    if (buffer && !copyInto(buffer, core, outcome)) return this.#complete(bufferGone(), undefined);
    this.#complete(null, outcome.result);
  }

  #complete(error: PortsideError | null, result: number | TcpSocket | undefined): void {
    callIn(this.#context, this.#onComplete, this, error, result, this);
  }

  #submit(opcode: Opcode, index: number, generation: number, token: number, a: number): void {
    this.#core.rings.submit(opcode, index, generation, token, a, 0, 0);
  }

  #begin(kind: Kind): number {
    if (this.#token !== 0)
      throw stateError("the operation is pending; wait for its completion, or use another one");
    if (this.#core.closed) throw closedError(kind, "completion port");
    this.#kind = kind;
    this.#token = this.#core.expect(this.#waiting);
    return this.#token;
  }

  #checkSocket(socket: unknown): asserts socket is TcpSocket {
    if (!isSocket(socket)) throw typeError("socket", "a TcpSocket", socket);
    this.#checkOwner(inner.core(socket));
  }

  #checkOwner(core: Core): void {
    if (core !== this.#core)
      throw stateError(
        "the socket or listener belongs to another completion port than the operation; use an operation of that port",
      );
  }

  static {
    makeOperation = (core, onComplete) => new Operation(key, core, onComplete);
  }
}
