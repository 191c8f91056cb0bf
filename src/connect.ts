import { isIP } from "node:net";
import { ConnectRace } from "./connect_race.js";
import { valueError } from "./errors.js";
import { addressesOf } from "./lookup.js";
import { checkHandlers, checkOptions, hostOf, integerOf, portOf } from "./options.js";

import { signalOf } from "./pending.js";
import type { SocketHandlers, TcpSocket } from "./socket.js";
import {
  coreOfOptions,
  type SocketOptions,
  settingsOf,
  socketHandlerNames,
  socketOptionNames,
  styleOf,
} from "./socket_options.js";

export interface ConnectOptions extends SocketOptions {
  /** An address or a host name; default `"localhost"`. */
  host?: string;
  port: number;
  /** Use addresses of this family only; 0, the default: both, IPv6 and IPv4 taking turns (RFC 8305). */
  family?: 0 | 4 | 6;
  /** This end's address, and port; default: what the OS chooses. */
  localAddress?: string;
  localPort?: number;
  /** Milliseconds for all of it; then the error is `ETIMEDOUT`. Default: the OS's patience. */
  timeout?: number;
  /** Milliseconds before the next address is tried beside the last one; default 250 (RFC 8305, section 5). */
  attemptDelay?: number;
  /** Gives up when it is aborted. */
  signal?: AbortSignal;
}

const optionNames = new Set([
  ...socketOptionNames,
  "host",
  "port",
  "family",
  "localAddress",
  "localPort",
  "timeout",
  "attemptDelay",
  "signal",
]);
// The handlers of a listener serve a connection too; a shortage never concerns it.
const handlerNames = new Set<string>([...socketHandlerNames, "shortage"]);

/**
 * Connects. With handlers the socket is in push style, and `open` runs before the promise resolves. Errors:
 * `ECONNREFUSED`, `ETIMEDOUT`, `EHOSTUNREACH`, `ENETUNREACH`, `ENOTFOUND`, …; of several addresses, that of the one that failed first.
 */
export async function connect(options: ConnectOptions, handlers?: SocketHandlers): Promise<TcpSocket> {
  checkOptions(options ?? null, optionNames);
  checkHandlers(handlers, handlerNames);
  const host = hostOf("options.host", options.host, "localhost") as string;
  const port = portOf("options.port", options.port, undefined, 1);
  const family = options.family ?? 0;
  if (family !== 0 && family !== 4 && family !== 6)
    throw valueError("options.family", "must be 0, 4 or 6", family);
  const localAddress = hostOf("options.localAddress", options.localAddress, undefined);
  if (localAddress !== undefined && isIP(localAddress) === 0) {
    throw valueError("options.localAddress", "must be an IP address of this machine", localAddress);
  }
  const localPort = portOf("options.localPort", options.localPort, 0, 0);
  const settings = settingsOf(options);
  const style = styleOf(options, handlers);
  const timeout =
    options.timeout === undefined ? undefined : integerOf("options.timeout", options.timeout, 0, 1);
  const attemptDelay = integerOf("options.attemptDelay", options.attemptDelay, 250, 10);
  const signal = signalOf(options, "connect");
  const owner = coreOfOptions(options, "connect");
  const race = new ConnectRace({ owner, style, host, port, localAddress, localPort, settings, attemptDelay });
  return race.run(() => addressesOf(host, family), timeout, signal);
}
