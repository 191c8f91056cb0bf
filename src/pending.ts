import { type Abortable, admitSignal, unwatch, watch } from "./abort.js";
import { bytesOfView, lengthOfView } from "./bytes.js";
import { abortError, canceledError, type PortsideError, systemError } from "./errors.js";
import { errorName } from "./native.js";
import type { CompletionPort } from "./port.js";
import type { TcpSocket } from "./socket.js";

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
  settle(port: CompletionPort, outcome: Outcome): void;
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
export function copyInto(buffer: ArrayBufferView, port: CompletionPort, outcome: Outcome): boolean {
  // A detached buffer has no length, and a view of one that shrank may be out of its bounds: both read as 0 bytes.
  if (lengthOfView(buffer) < outcome.result) return false;
  if (outcome.result > 0) bytesOfView(buffer).set(port.receivedView(outcome.offset, outcome.result));
  return true;
}

export function bufferGone(): PortsideError {
  return systemError("EFAULT", { syscall: "recv" });
}

// One executor for all: a promise of an operation costs no closure.
let lastResolve: (value: never) => void;
let lastReject: (reason: unknown) => void;
function keep(resolve: (value: never) => void, reject: (reason: unknown) => void): void {
  lastResolve = resolve;
  lastReject = reject;
}

/** Cancels an operation when its signal is aborted. */
class Cancellation implements Abortable {
  aborted = false;
  reason: unknown = undefined;

  constructor(
    readonly port: CompletionPort,
    readonly token: number,
    readonly signal: AbortSignal,
  ) {
    watch(signal, this);
  }

  abort(reason: unknown): void {
    this.aborted = true;
    this.reason = reason;
    this.port.cancel(this.token);
  }
}

/** An operation that a promise waits for. */
export abstract class Pending<T> implements Waiting {
  readonly promise: Promise<T>;
  protected readonly resolve: (value: T) => void;
  protected readonly reject: (reason: unknown) => void;
  #cancellation: Cancellation | undefined = undefined;

  constructor() {
    this.promise = new Promise<T>(keep);
    this.resolve = lastResolve as (value: T) => void;
    this.reject = lastReject;
  }

  /** The operation is submitted under `token`; from now on its signal cancels it. */
  submitted(port: CompletionPort, token: number, signal: AbortSignal | undefined): Promise<T> {
    if (signal !== undefined) this.#cancellation = new Cancellation(port, token, signal);
    return this.promise;
  }

  settle(port: CompletionPort, outcome: Outcome): void {
    const cancellation = this.#cancellation;
    if (cancellation !== undefined) unwatch(cancellation.signal, cancellation);
    if (outcome.error === 0) return this.succeed(port, outcome);
    const error = outcomeError(this.syscall, outcome);
    if (!cancellation?.aborted || error.code !== "ECANCELED") return this.reject(error);
    this.reject(abortError(this.syscall, cancellation.reason, { bytesSent: error.bytesSent }));
  }

  protected abstract readonly syscall: string;
  protected abstract succeed(port: CompletionPort, outcome: Outcome): void;
}

export class PendingReceive extends Pending<Uint8Array | null> {
  protected override get syscall(): string {
    return "recv";
  }

  protected override succeed(port: CompletionPort, outcome: Outcome): void {
    this.resolve(outcome.result === 0 ? null : port.receivedCopy(outcome.offset, outcome.result));
  }
}

export class PendingReceiveInto extends Pending<number> {
  constructor(private readonly buffer: ArrayBufferView) {
    super();
  }

  protected override get syscall(): string {
    return "recv";
  }

  protected override succeed(port: CompletionPort, outcome: Outcome): void {
    if (copyInto(this.buffer, port, outcome)) this.resolve(outcome.result);
    else this.reject(bufferGone());
  }
}

export class PendingSend extends Pending<number> {
  constructor(private readonly socket: TcpSocket) {
    super();
  }

  override settle(port: CompletionPort, outcome: Outcome): void {
    this.socket.sendEnds();
    super.settle(port, outcome);
  }

  protected override get syscall(): string {
    return "send";
  }

  protected override succeed(_port: CompletionPort, outcome: Outcome): void {
    this.resolve(outcome.result);
  }
}

export class PendingShutdown extends Pending<void> {
  constructor(private readonly socket: TcpSocket) {
    super();
  }

  override settle(port: CompletionPort, outcome: Outcome): void {
    if (outcome.error !== 0 && errorName(outcome.error) === "ECANCELED") this.socket.shutdownCanceled();
    super.settle(port, outcome);
  }

  protected override get syscall(): string {
    return "shutdown";
  }

  protected override succeed(): void {
    this.resolve();
  }
}

export class PendingAccept extends Pending<TcpSocket> {
  protected override get syscall(): string {
    return "accept";
  }

  protected override succeed(port: CompletionPort, outcome: Outcome): void {
    this.resolve(port.acceptedSocket(outcome));
  }
}

/** The signal of an operation's options, checked; an aborted one is refused at the door. */
export function signalOf(
  options: { signal?: AbortSignal | undefined } | undefined,
  syscall: string,
): AbortSignal | undefined {
  return admitSignal(options?.signal, syscall);
}
