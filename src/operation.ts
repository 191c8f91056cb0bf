import type { SendData } from "./bytes.js";
import { sendDataOf } from "./bytes.js";
import { closedError, type PortsideError, stateError, typeError } from "./errors.js";
import { TcpListener } from "./listener.js";
import { Opcode } from "./names.js";
import { checkInteger } from "./options.js";
import { bufferGone, copyInto, type Outcome, outcomeError } from "./pending.js";
import type { CompletionPort } from "./port.js";
import { checkReceiveBuffer, TcpSocket } from "./socket.js";

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

/**
 * A reusable operation: no promise, no closure, no allocation per use. For library authors and for measurement.
 * Submitting throws when it is refused; then no completion follows.
 */
export class Operation {
  readonly #port: CompletionPort;
  readonly #onComplete: OperationHandler;
  #token = 0;
  #kind: Kind = "timer";
  #buffer: ArrayBufferView | undefined;
  #sender: TcpSocket | undefined;

  /** @internal */
  constructor(port: CompletionPort, onComplete: OperationHandler) {
    this.#port = port;
    this.#onComplete = onComplete;
  }

  /** Between submission and completion. */
  get pending(): boolean {
    return this.#token !== 0;
  }

  /** Receives into `buffer`, which must stay as it is until the completion; 0 bytes: the end of the stream. */
  recv(socket: TcpSocket, buffer: ArrayBufferView): this {
    this.#checkSocket(socket);
    socket.checkReceivable();
    checkReceiveBuffer(buffer);
    const token = this.#begin("recv");
    this.#buffer = buffer;
    this.#port.rings.submit(Opcode.receive, socket.index, socket.generation, token, buffer.byteLength, 0, 0);
    return this;
  }

  /** Sends; the data is the caller's again when this returns. */
  send(socket: TcpSocket, data: SendData): this {
    this.#checkSocket(socket);
    socket.checkSendable();
    const checked = sendDataOf(data);
    const token = this.#begin("send");
    try {
      this.#port.send(socket, token, checked);
    } catch (error) {
      this.#token = 0;
      this.#port.expectNot(token);
      throw error; // a text that is too long to be encoded
    }
    this.#sender = socket;
    socket.sendBegins();
    return this;
  }

  /** Accepts a connection of a pull-style listener. */
  accept(listener: TcpListener): this {
    if (!(listener instanceof TcpListener)) throw typeError("listener", "a TcpListener", listener);
    this.#checkOwner(listener.owner);
    listener.checkAcceptable();
    this.#port.rings.submit(
      Opcode.accept,
      listener.index,
      listener.generation,
      this.#begin("accept"),
      0,
      0,
      0,
    );
    return this;
  }

  /** Completes after that many milliseconds (0 to 2147483647), never earlier. */
  timer(milliseconds: number): this {
    checkInteger("milliseconds", milliseconds, 0, 0x7fffffff);
    this.#port.rings.submit(Opcode.timer, 0, 0, this.#begin("timer"), milliseconds, 0, 0);
    return this;
  }

  /** Completes it with `ECANCELED`, unless it has finished: then its result stands. False when nothing is pending. */
  cancel(): boolean {
    if (this.#token === 0) return false;
    this.#port.cancel(this.#token);
    return true;
  }

  /** @internal */
  settle(port: CompletionPort, outcome: Outcome): void {
    const buffer = this.#buffer;
    this.#token = 0;
    this.#buffer = undefined;
    this.#sender?.sendEnds();
    this.#sender = undefined;
    if (outcome.error !== 0) return this.#onComplete(outcomeError(this.#kind, outcome), undefined, this);
    if (this.#kind === "accept") return this.#onComplete(null, port.acceptedSocket(outcome), this);
    if (this.#kind === "timer") return this.#onComplete(null, undefined, this);
    if (buffer && !copyInto(buffer, port, outcome)) return this.#onComplete(bufferGone(), undefined, this);
    this.#onComplete(null, outcome.result, this);
  }

  #begin(kind: Kind): number {
    if (this.#token !== 0)
      throw stateError("the operation is pending; wait for its completion, or use another one");
    if (this.#port.closed) throw closedError(kind);
    this.#kind = kind;
    this.#token = this.#port.expect(this);
    return this.#token;
  }

  #checkSocket(socket: unknown): asserts socket is TcpSocket {
    if (!(socket instanceof TcpSocket)) throw typeError("socket", "a TcpSocket", socket);
    this.#checkOwner(socket.owner);
  }

  #checkOwner(owner: CompletionPort): void {
    if (owner !== this.#port)
      throw stateError("the handle belongs to another completion port than the operation");
  }
}
