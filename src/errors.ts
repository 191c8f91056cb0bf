import { constants } from "node:os";
import { shown } from "./shown.js";

/** What a {@link PortsideError} can tell beyond its code. */
export interface PortsideErrorDetails {
  syscall?: string | undefined;
  address?: string | undefined;
  port?: number | undefined;
  native?: number | undefined;
  bytesSent?: number | undefined;
  errors?: readonly PortsideError[] | undefined;
  cause?: unknown;
}

/**
 * Everything Portside throws, rejects with or hands to a handler. `code` is the POSIX name on every OS
 * (`ECONNRESET`, `EADDRINUSE`, …), or one of Node's `ERR_…` names for an argument that was refused.
 */
export class PortsideError extends Error {
  readonly code: string;
  /** Minus this OS's number for `code`, as in Node's own errors; absent where the OS has none. */
  declare readonly errno?: number;
  /** The call that failed: `connect`, `bind`, `recv`, … */
  declare readonly syscall?: string;
  declare readonly address?: string;
  /** The TCP port number that goes with the address. */
  declare readonly port?: number;
  /** What the OS said, untranslated (10054, `STATUS_…`); absent where the error is not the OS's. */
  declare readonly native?: number;
  /** Of a send: bytes that the OS had taken. */
  declare readonly bytesSent?: number;
  /** When several addresses failed: the error of each, in the order in which they failed. */
  declare readonly errors?: readonly PortsideError[];

  constructor(code: string, message: string, details: PortsideErrorDetails = {}) {
    super(text(message), details.cause === undefined ? undefined : { cause: details.cause });
    this.code = text(code);
    const errno = (constants.errno as Record<string, number | undefined>)[this.code];
    tell(this, "errno", errno && -errno);
    tell(this, "syscall", details.syscall);
    tell(this, "address", details.address);
    tell(this, "port", details.port);
    tell(this, "native", details.native || undefined);
    tell(this, "bytesSent", details.bytesSent);
    tell(this, "errors", details.errors);
  }
}

const { defineProperty } = Object;

// Defined, not assigned: a program may have given every object a constant of that name, and every descriptor a getter.
function tell(error: PortsideError, name: string, value: unknown, enumerable = true): void {
  if (value === undefined) return;
  const bare = { __proto__: null, value, enumerable, configurable: true, writable: true };
  defineProperty(error, name, bare);
}

// Programs can make such errors, too, whatever of.
const text = (value: unknown): string => (typeof value === "string" ? value : shown(value));

Object.defineProperty(PortsideError.prototype, "name", {
  value: "PortsideError",
  writable: true,
  configurable: true,
});

/** What each code means here, and what to do about it. */
const sentences: Record<string, string> = {
  EACCES: "permission denied; port numbers below 1024 need a privilege on most systems",
  EADDRINUSE: "the address and port number are in use; choose another port number, or 0 for any free one",
  EADDRNOTAVAIL:
    "the address is not one of this machine's, or no local port number is left; check host and localAddress",
  EAFNOSUPPORT: "this system does not support the address family; use an address of the other family",
  EAGAIN: "the system lacks something for the moment; try again",
  EBADF: "the socket, listener or completion port is closed; open a new one",
  ECONNABORTED: "this system aborted the connection",
  ECONNREFUSED: "nothing listens there; check host and port, and that the server runs",
  ECONNRESET: "the peer reset the connection",
  EFAULT: "the buffer was detached or made smaller meanwhile; keep it as it is until the operation completes",
  EHOSTUNREACH: "no route to that host; check the address and the network",
  EINVAL: "the system refuses an argument; check the address and the options",
  EMFILE: "this process has too many open descriptors; close some, or raise the limit (ulimit -n)",
  ENETUNREACH: "no route to that network; check the address and the network",
  ENFILE: "this machine has too many open files; close some, or raise the system's limit",
  ENOBUFS: "there are not enough buffers; keep fewer connections, waiting bytes or pending operations",
  ENOMEM: "there is not enough memory; keep fewer connections, waiting bytes or completion ports",
  ENOTCONN: "the connection is gone",
  ENOTSUP:
    "this system cannot do it; if an option asks for it, leave out reuseSockets, reusePort, userTimeout, keepAliveInterval or keepAliveCount",
  EPERM: "not permitted; a firewall may forbid it",
  EPIPE: "this end was shut down, or the peer is gone; nothing can be sent any more",
  ETIMEDOUT: "the peer did not answer in time; check its address and the network, or allow more time",
};

export function place(details: PortsideErrorDetails): string {
  if (details.address === undefined) return "";
  const host = details.address.includes(":") ? `[${details.address}]` : details.address;
  return details.port === undefined ? ` ${host}` : ` ${host}:${details.port}`;
}

export function sentenceOf(code: string): string {
  return sentences[code] ?? "the system refuses";
}

/** An error of the OS, by its POSIX name. */
export function systemError(code: string, details: PortsideErrorDetails, said?: string): PortsideError {
  const what = details.syscall === undefined ? "" : `${details.syscall}${place(details)}: `;
  const sentence = said ?? sentenceOf(code);
  return new PortsideError(code, `${what}${code}, ${sentence}`, details);
}

/** The operation was cancelled: by `cancel()`, or because its handle was closed. */
export function canceledError(details: PortsideErrorDetails): PortsideError {
  const message = `${details.syscall ?? "operation"}: ECANCELED, it was cancelled, or what it belongs to was closed`;
  return new PortsideError("ECANCELED", message, details);
}

/** The operation's signal was aborted. */
export function abortError(
  syscall: string,
  reason: unknown,
  details: PortsideErrorDetails = {},
): PortsideError {
  const error = new PortsideError("ECANCELED", `${syscall}: ECANCELED, its signal was aborted`, {
    ...details,
    syscall,
    cause: reason,
  });
  tell(error, "name", "AbortError", false);
  return error;
}

export function closedError(syscall: string, what: "socket" | "listener" | "completion port"): PortsideError {
  return systemError("EBADF", { syscall }, `the ${what} is closed; open a new one`);
}

export function typeError(name: string, expected: string, value: unknown): PortsideError {
  return new PortsideError("ERR_INVALID_ARG_TYPE", `${name} must be ${expected}, not ${shown(value)}`);
}

export function valueError(name: string, rule: string, value: unknown): PortsideError {
  return new PortsideError("ERR_INVALID_ARG_VALUE", `${name} ${rule}, not ${shown(value)}`);
}

/** An option or a handler that does not exist. */
export function unknownError(name: string, known: ReadonlySet<string>): PortsideError {
  return new PortsideError(
    "ERR_INVALID_ARG_VALUE",
    `${name} does not exist; check its spelling (there are: ${[...known].join(", ")})`,
  );
}

/** More than fits. */
export function tooMuchError(message: string): PortsideError {
  return new PortsideError("ERR_OUT_OF_RANGE", message);
}

export function rangeError(name: string, least: number, most: number, value: unknown): PortsideError {
  return new PortsideError(
    "ERR_OUT_OF_RANGE",
    `${name} must be a whole number from ${least} to ${most}, not ${shown(value)}`,
  );
}

export function portError(name: string, least: number, value: unknown): PortsideError {
  return new PortsideError(
    "ERR_SOCKET_BAD_PORT",
    `${name} must be a whole number from ${least} to 65535, not ${shown(value)}`,
  );
}

export function stateError(message: string): PortsideError {
  return new PortsideError("ERR_INVALID_STATE", message);
}

export function notConstructible(name: string, instead: string): PortsideError {
  return new PortsideError("ERR_ILLEGAL_CONSTRUCTOR", `${name} cannot be constructed; ${instead}`);
}
