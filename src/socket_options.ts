import type { Core } from "./core.js";
import { closedError, typeError } from "./errors.js";
import type { NativeSettings } from "./native.js";
import {
  booleanOf,
  integerOf,
  keepAliveCountOf,
  keepAliveIntervalOf,
  keepAliveOf,
  userTimeoutOf,
} from "./options.js";
import { CompletionPort, coreOf } from "./port.js";
import type { SocketHandlers } from "./socket.js";
import { defaultHighWaterMark, Style } from "./style.js";

/** What every connection of a listener, or the one of a connect, is like. */
export interface SocketOptions {
  /** Small sends go out at once (TCP_NODELAY); default true. */
  noDelay?: boolean | undefined;
  /**
   * The OS probes an idle connection; a number: milliseconds before the first probe, 1000 to 32 767 000, of which it
   * counts whole seconds. Default false.
   */
  keepAlive?: boolean | number | undefined;
  /** With `keepAlive`: milliseconds between its probes, 1000 to 32 767 000; default the OS's. `ENOTSUP` where it has none. */
  keepAliveInterval?: number | undefined;
  /** With `keepAlive`: probes without an answer that end the connection, 1 to 127; default the OS's. `ENOTSUP` where it has none. */
  keepAliveCount?: number | undefined;
  /**
   * Milliseconds that sent bytes may stay unacknowledged before the connection ends with `ETIMEDOUT` (TCP_USER_TIMEOUT,
   * RFC 5482); 0, the default: the OS's patience. `ENOTSUP` where it has none.
   */
  userTimeout?: number | undefined;
  /** SO_RCVBUF, bytes; default the OS's, which usually adapts itself and is better left alone. */
  receiveBufferSize?: number | undefined;
  /** SO_SNDBUF, bytes; default the OS's. */
  sendBufferSize?: number | undefined;
  /**
   * The OS sends from the engine's memory and keeps no copy, where it can (Windows); sends complete when the peer has
   * acknowledged them, and many are under way at a time. Elsewhere without effect. Default false.
   */
  unbufferedSends?: boolean | undefined;
  /** Bytes that `write()` may leave waiting before it returns false; default 65536. */
  highWaterMark?: number | undefined;
  /**
   * Push style: `data` gets a view of the engine's own memory, good during the call only, instead of a copy to keep.
   * Written or sent from within that call, a large one (over 8192 bytes) goes out without being copied: leave its bytes
   * as they are until the handler returns. Default false.
   */
  borrow?: boolean | undefined;
  /** Default: {@link CompletionPort.default}. */
  completionPort?: CompletionPort | undefined;
}

export const socketOptionNames = [
  "noDelay",
  "keepAlive",
  "keepAliveInterval",
  "keepAliveCount",
  "userTimeout",
  "receiveBufferSize",
  "sendBufferSize",
  "unbufferedSends",
  "highWaterMark",
  "borrow",
  "completionPort",
] as const;

export const socketHandlerNames = ["open", "data", "drain", "end", "error", "close"] as const;

export function settingsOf(options: SocketOptions): NativeSettings {
  return {
    noDelay: booleanOf("options.noDelay", options.noDelay, true),
    keepAlive: keepAliveOf(options.keepAlive),
    keepAliveInterval: keepAliveIntervalOf("options.keepAliveInterval", options.keepAliveInterval),
    keepAliveCount: keepAliveCountOf("options.keepAliveCount", options.keepAliveCount),
    userTimeout: userTimeoutOf("options.userTimeout", options.userTimeout),
    receiveBufferSize: integerOf("options.receiveBufferSize", options.receiveBufferSize, 0, 1),
    sendBufferSize: integerOf("options.sendBufferSize", options.sendBufferSize, 0, 1),
    unbufferedSends: booleanOf("options.unbufferedSends", options.unbufferedSends, false),
  };
}

export function styleOf(options: SocketOptions, handlers: SocketHandlers | undefined): Style {
  return new Style(
    handlers,
    integerOf("options.highWaterMark", options.highWaterMark, defaultHighWaterMark, 1),
    booleanOf("options.borrow", options.borrow, false),
  );
}

export function coreOfOptions(options: SocketOptions, syscall: string): Core {
  const port: unknown = options.completionPort ?? CompletionPort.default;
  const core = coreOf(port);
  if (core === undefined) throw typeError("options.completionPort", "a CompletionPort", port);
  if (core.closed) throw closedError(syscall, "completion port");
  return core;
}
