import { type Abortable, admitSignal, unwatch, watch } from "./abort.js";
import { bytesOfView, lengthOfView } from "./bytes.js";
import type { Core } from "./core.js";
import { abortError, canceledError, type PortsideError, systemError } from "./errors.js";
import { errorName } from "./native.js";
import { rejectTraced, resolveInTurn } from "./settling.js";
import { inner, type TcpSocket } from "./socket.js";

/** What an operation's completion brought, as the rings carry it. */
export interface Outcome {
  error: number;
  native: number;
  result: number;
  offset: number;
  bytesSent: number;
}

/** Whoever waits for an operation. It is told once. */
export interface Waiting {
  settle(core: Core, outcome: Outcome): void;
}

/** The error of an outcome that has one. */
export function outcomeError(
  syscall: string,
  outcome: Outcome,
  where: { address?: string; port?: number } = {},
): PortsideError {
  const code = errorName(outcome.error);
  const details = {
    ...where,
    syscall,
    native: outcome.native,
    bytesSent: syscall === "send" ? outcome.bytesSent : undefined,
  };
  return code === "ECANCELED" ? canceledError(details) : systemError(code, details);
}

/** Copies received bytes into a program's buffer; false when it is gone, or has shrunk below them. */
export function copyInto(buffer: ArrayBufferView, core: Core, outcome: Outcome): boolean {
  // A detached buffer has no length, and a view of one that shrank may be out of its bounds: both read as 0 bytes.
  if (lengthOfView(buffer) < outcome.result) return false;
  if (outcome.result > 0) core.copyReceived(bytesOfView(buffer), outcome.offset, outcome.result);
  return true;
}

export function bufferGone(): PortsideError {
  return systemError("EFAULT", { syscall: "recv" });
}

// One executor for all: a promise of an operation costs no closure. What it has told is forgotten at once: it leads to
// the promise, and so to its result, or to an error whose stack holds on to the program's objects.
const forgotten = (): void => {};
let lastResolve: (value: never) => void = forgotten;
let lastReject: (reason: unknown) => void = forgotten;
function keep(resolve: (value: never) => void, reject: (reason: unknown) => void): void {
  lastResolve = resolve;
  lastReject = reject;
}

/** Cancels an operation when its signal is aborted. */
class Cancellation implements Abortable {
  readonly #core: Core;
  readonly #token: number;
  readonly #signal: AbortSignal;
  aborted = false;
  reason: unknown = undefined;

  constructor(core: Core, token: number, signal: AbortSignal) {
    this.#core = core;
    this.#token = token;
    this.#signal = signal;
    watch(signal, this);
  }

  end(): void {
    unwatch(this.#signal, this);
  }

  abort(reason: unknown): void {
    this.aborted = true;
    this.reason = reason;
    this.#core.cancel(this.#token);
  }
}

/** An operation that a promise waits for. */
export abstract class Pending<T> implements Waiting {
  readonly promise: Promise<T>;
  readonly #resolve: (value: T) => void;
  readonly #reject: (reason: unknown) => void;
  #cancellation: Cancellation | undefined = undefined;

  constructor() {
    this.promise = new Promise<T>(keep);
    this.#resolve = lastResolve as (value: T) => void;
    this.#reject = lastReject;
    keep(forgotten, forgotten);
  }

  /** The operation is submitted under `token`; from now on its signal cancels it. */
  submitted(core: Core, token: number, signal: AbortSignal | undefined): Promise<T> {
    if (signal !== undefined) this.#cancellation = new Cancellation(core, token, signal);
    return this.promise;
  }

  settle(core: Core, outcome: Outcome): void {
    const cancellation = this.#cancellation;
    cancellation?.end();
    if (outcome.error === 0) return this.succeed(core, outcome);
    const error = outcomeError(this.syscall, outcome);
    if (!cancellation?.aborted || error.code !== "ECANCELED") return this.fail(error);
    this.fail(abortError(this.syscall, cancellation.reason, { bytesSent: error.bytesSent }));
  }

  protected fulfil(value: T): void {
    resolveInTurn(this.#resolve, value);
  }

  protected fail(error: PortsideError): void {
    rejectTraced(this.#resolve, this.#reject, error);
  }

  protected abstract readonly syscall: string;
  protected abstract succeed(core: Core, outcome: Outcome): void;
}

export class PendingReceive extends Pending<Uint8Array<ArrayBuffer> | null> {
  protected override get syscall(): string {
    return "recv";
  }

  protected override succeed(core: Core, outcome: Outcome): void {
    this.fulfil(outcome.result === 0 ? null : core.receivedCopy(outcome.offset, outcome.result));
  }
}

export class PendingReceiveInto extends Pending<number> {
  constructor(private readonly buffer: ArrayBufferView) {
    super();
  }

  protected override get syscall(): string {
    return "recv";
  }

  protected override succeed(core: Core, outcome: Outcome): void {
    if (copyInto(this.buffer, core, outcome)) this.fulfil(outcome.result);
    else this.fail(bufferGone());
  }
}

export class PendingSend extends Pending<number> {
  constructor(private readonly socket: TcpSocket) {
    super();
  }

  override settle(core: Core, outcome: Outcome): void {
    inner.sendEnds(this.socket);
    super.settle(core, outcome);
  }

  protected override get syscall(): string {
    return "send";
  }

  protected override succeed(_core: Core, outcome: Outcome): void {
    this.fulfil(outcome.result);
  }
}

export class PendingShutdown extends Pending<void> {
  constructor(private readonly socket: TcpSocket) {
    super();
  }

  override settle(core: Core, outcome: Outcome): void {
    inner.shutdownEnds(this.socket, outcome.error === 0 || errorName(outcome.error) !== "ECANCELED");
    super.settle(core, outcome);
  }

  protected override get syscall(): string {
    return "shutdown";
  }

  protected override succeed(): void {
    this.fulfil();
  }
}

/** Everything before it has been handed over. */
export class PendingDrained extends Pending<void> {
  constructor(private readonly socket: TcpSocket) {
    super();
    inner.sendBegins(socket);
  }

  override settle(core: Core, outcome: Outcome): void {
    inner.sendEnds(this.socket);
    super.settle(core, outcome);
  }

  protected override get syscall(): string {
    return "drained";
  }

  protected override succeed(): void {
    this.fulfil();
  }
}

/** A completion that nobody is interested in. */
export const nobody: Waiting = { settle: () => {} };

export class PendingAccept extends Pending<TcpSocket> {
  protected override get syscall(): string {
    return "accept";
  }

  protected override succeed(core: Core, outcome: Outcome): void {
    this.fulfil(core.acceptedSocket(outcome));
  }
}

/** The signal of an operation's options, checked; an aborted one is refused at the door. */
export function signalOf(
  options: { signal?: AbortSignal | undefined } | undefined,
  syscall: string,
): AbortSignal | undefined {
  return admitSignal(options?.signal, syscall);
}
