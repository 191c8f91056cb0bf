import { abortError, closedError } from "./errors.js";
import { type ListenHandlers, listenerInner, type TcpListener } from "./listener.js";
import { addressesOf } from "./lookup.js";
import {
  errorName,
  isNativeError,
  type NativeAccepting,
  type NativeAddress,
  type NativeError,
  type NativeHandle,
  toError,
} from "./native.js";
import { booleanOf, checkHandlers, checkOptions, hostOf, integerOf, portOf } from "./options.js";
import { signalOf } from "./pending.js";
import {
  coreOfOptions,
  type SocketOptions,
  settingsOf,
  socketHandlerNames,
  socketOptionNames,
  styleOf,
} from "./socket_options.js";

export interface ListenOptions extends SocketOptions {
  /** An address or a host name; default `"::"`, which takes IPv4 too (`"0.0.0.0"` where there is no IPv6). */
  host?: string;
  /** 0, the default: any free port. */
  port?: number;
  /** Connections that may wait to be accepted; default 4096. The OS may allow fewer (listen(2)). */
  backlog?: number;
  /** Take no IPv4 on an IPv6 address; default false. */
  ipv6Only?: boolean;
  /** Share the port with other listeners that say so too (SO_REUSEPORT); default false. */
  reusePort?: boolean;
  /**
   * Where the OS accepts ahead of being asked to (Windows): how many accepts wait there when all is quiet; default 16,
   * at most 4096. Elsewhere the backlog does that work, and this has no effect, nor have the four that follow.
   */
  acceptLowWaterMark?: number;
  /** How many wait there when connections come faster; default 256, or the low one where that is more. */
  acceptHighWaterMark?: number;
  /**
   * A connection is accepted together with its first bytes: one system call less, and no socket object for clients
   * that say nothing. Default false.
   */
  acceptData?: boolean;
  /** Milliseconds that a client may stay silent with `acceptData` before it is dropped; default 10000, at least 1000. */
  acceptTimeout?: number;
  /**
   * Sockets whose connection has ended in order are used again (DisconnectEx with TF_REUSE_SOCKET); default false.
   * `ENOTSUP` under Wine, where such a socket never receives anything.
   */
  reuseSockets?: boolean;
  /** Closes the listener when it is aborted. */
  signal?: AbortSignal;
}

const optionNames = new Set([
  ...socketOptionNames,
  "host",
  "port",
  "backlog",
  "ipv6Only",
  "reusePort",
  "acceptLowWaterMark",
  "acceptHighWaterMark",
  "acceptData",
  "acceptTimeout",
  "reuseSockets",
  "signal",
]);
// Each of them is a socket and a request in non-paged memory.
const mostAccepts = 4096;

const handlerNames = new Set([...socketHandlerNames, "shortage"]);

// Without a host: every address, of both families where the system has both.
const anyAddress = ["::", "0.0.0.0"];
const familyIsMissing = new Set(["EAFNOSUPPORT", "EADDRNOTAVAIL"]);

/**
 * Listens. With handlers, every connection is theirs (push style); without, {@link TcpListener.accept} and `for await`
 * give the connections (pull style). Errors: `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`, `ENOTFOUND`, `ERR_…` for what is
 * wrong with the arguments.
 */
export async function listen(options: ListenOptions = {}, handlers?: ListenHandlers): Promise<TcpListener> {
  checkOptions(options, optionNames);
  checkHandlers(handlers, handlerNames);
  const host = hostOf("options.host", options.host, undefined);
  const parameters = {
    ...settingsOf(options),
    port: portOf("options.port", options.port, 0, 0),
    backlog: integerOf("options.backlog", options.backlog, 4096, 1),
    ipv6Only: booleanOf("options.ipv6Only", options.ipv6Only, false),
    reusePort: booleanOf("options.reusePort", options.reusePort, false),
    ...acceptingOf(options),
  };
  const style = styleOf(options, handlers);
  const signal = signalOf(options, "listen");
  const owner = coreOfOptions(options, "listen");
  const addresses = host === undefined ? anyAddress : (await addressesOf(host, 0)).slice(0, 1);
  if (signal?.aborted) throw abortError("listen", signal.reason);
  if (owner.closed) throw closedError("listen");
  const handle = openFirst(addresses, parameters.port, (address) =>
    owner.native.listen({ ...parameters, address }),
  );
  const bound = owner.native.address(handle.index, handle.generation, false) as NativeAddress;
  return listenerInner.make(owner, handle, bound, style, signal);
}

function acceptingOf(options: ListenOptions): NativeAccepting {
  const low = integerOf("options.acceptLowWaterMark", options.acceptLowWaterMark, 16, 1, mostAccepts);
  const high = options.acceptHighWaterMark;
  return {
    acceptLowWaterMark: low,
    acceptHighWaterMark: integerOf("options.acceptHighWaterMark", high, Math.max(256, low), low, mostAccepts),
    acceptData: booleanOf("options.acceptData", options.acceptData, false),
    acceptTimeout: integerOf("options.acceptTimeout", options.acceptTimeout, 10_000, 1000),
    reuseSockets: booleanOf("options.reuseSockets", options.reuseSockets, false),
  };
}

function openFirst(
  addresses: readonly string[],
  port: number,
  open: (address: string) => NativeHandle | NativeError,
): NativeHandle {
  let refused: Error | undefined;
  for (const address of addresses) {
    const answer = open(address);
    if (!isNativeError(answer)) return answer;
    refused ??= toError(answer, { address, port });
    if (!familyIsMissing.has(errorName(answer.code))) break;
  }
  throw refused;
}
