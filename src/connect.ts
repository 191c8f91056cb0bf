import { ConnectRace } from "./connect_race.js";
import { typeError, valueError } from "./errors.js";
import { addressesOf, familyOf, type LookupFunction } from "./lookup.js";
import {
  checkHandlers,
  checkOptions,
  familyOptionOf,
  hostOf,
  integerOf,
  lookupOf,
  portOf,
} from "./options.js";
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
  host?: string | undefined;
  /** The peer's TCP port number, 1 to 65535. */
  port: number;
  /** Use addresses of this family only; 0, the default: both, IPv6 and IPv4 in turns (RFC 8305). */
  family?: 0 | 4 | 6 | undefined;
  /** Looks host names up; default Node's `dns.lookup`, as it is at that moment. */
  lookup?: LookupFunction | undefined;
  /** This end's address; addresses of the other family are left out. Default: what the OS chooses. */
  localAddress?: string | undefined;
  /**
   * This end's TCP port number; 0, the default: what the OS chooses. One that you give can be used again at once, and for
   * connections to several peers at the same time (not on Windows).
   */
  localPort?: number | undefined;
  /** Milliseconds for all of it; then the error is `ETIMEDOUT`. Default: the OS's patience. */
  timeout?: number | undefined;
  /** Milliseconds before the next address is tried beside the one before; default 250 (RFC 8305, section 5). */
  attemptDelay?: number | undefined;
  /** Gives up when it is aborted. */
  signal?: AbortSignal | undefined;
}

const optionNames = new Set([
  ...socketOptionNames,
  "host",
  "port",
  "family",
  "lookup",
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
 * `ECONNREFUSED`, `ETIMEDOUT`, `EHOSTUNREACH`, `ENETUNREACH`, `ENOTFOUND`, …. When several addresses fail, the error is
 * that of the one that failed first, with all of them in `errors`. `Data` is the type of the socket's `data`.
 */
export async function connect<Data = unknown>(
  options: ConnectOptions,
  handlers?: SocketHandlers<Data>,
): Promise<TcpSocket<Data>> {
  if (options === undefined) throw typeError("options", "an object", options);
  checkOptions(options, optionNames);
  checkHandlers(handlers, handlerNames);
  const host = hostOf("options.host", options.host, "localhost") as string;
  const port = portOf("options.port", options.port, undefined, 1);
  const lookup = lookupOf(options.lookup);
  const localAddress = hostOf("options.localAddress", options.localAddress, undefined);
  const family = familyFrom(localAddress, familyOptionOf(options.family));
  const localPort = portOf("options.localPort", options.localPort, 0, 0);
  const settings = settingsOf(options);
  const style = styleOf(options, handlers as SocketHandlers | undefined);
  const timeoutOption = options.timeout;
  const timeout = timeoutOption === undefined ? undefined : integerOf("options.timeout", timeoutOption, 0, 1);
  const attemptDelay = integerOf("options.attemptDelay", options.attemptDelay, 250, 10);
  const signal = signalOf(options, "connect");
  const owner = coreOfOptions(options, "connect");
  const race = new ConnectRace({ owner, style, host, port, localAddress, localPort, settings, attemptDelay });
  // Awaited here, so that the stack of its error names the caller's line.
  return (await race.run(() => addressesOf(host, family, lookup), timeout, signal)) as TcpSocket<Data>;
}

/** The family of addresses that can be reached from `localAddress`. */
function familyFrom(localAddress: string | undefined, wanted: 0 | 4 | 6): 0 | 4 | 6 {
  if (localAddress === undefined) return wanted;
  const family = familyOf(localAddress);
  if (family === 0)
    throw valueError("options.localAddress", "must be an IP address of this machine", localAddress);
  if (wanted !== 0 && wanted !== family)
    throw valueError(
      "options.localAddress",
      `must be an IPv${wanted} address, as options.family says`,
      localAddress,
    );
  return family;
}
