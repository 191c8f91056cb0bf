import { abortError, closedError } from "./errors.js";
import { type ListenHandlers, TcpListener } from "./listener.js";
import { addressesOf } from "./lookup.js";
import {
  errorName,
  isNativeError,
  type NativeAddress,
  type NativeError,
  type NativeHandle,
  toError,
} from "./native.js";
import { booleanOf, checkHandlers, checkOptions, hostOf, integerOf, portOf } from "./options.js";
import { signalOf } from "./pending.js";
import {
  completionPortOf,
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
  "signal",
]);
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
  };
  const style = styleOf(options, handlers);
  const signal = signalOf(options, "listen");
  const owner = completionPortOf(options, "listen");
  const addresses = host === undefined ? anyAddress : (await addressesOf(host, 0)).slice(0, 1);
  if (signal?.aborted) throw abortError("listen", signal.reason);
  if (owner.closed) throw closedError("listen");
  const handle = openFirst(addresses, parameters.port, (address) =>
    owner.native.listen({ ...parameters, address }),
  );
  const bound = owner.native.address(handle.index, handle.generation, false) as NativeAddress;
  const listener = new TcpListener(owner, handle.index, handle.generation, bound, style, signal);
  owner.adopt(listener);
  return listener;
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
