import { admitSignal, unwatch, watch } from "./abort.js";
import { addressError, severalErrors } from "./address_errors.js";
import type { Core } from "./core.js";
import { abortError, closedError, type PortsideError } from "./errors.js";
import { type ListenHandlers, listenerInner, type TcpListener } from "./listener.js";
import { addressesOf, type LookupFunction } from "./lookup.js";
import {
  isNativeError,
  type NativeAccepting,
  type NativeAddress,
  type NativeError,
  type NativeHandle,
} from "./native.js";
import {
  booleanOf,
  checkHandlers,
  checkOptions,
  familyOptionOf,
  hostOf,
  integerOf,
  lookupOf,
  portOf,
} from "./options.js";
import { signalOf } from "./pending.js";
import { follow } from "./scheduling.js";
import { rejectTraced } from "./settling.js";
import {
  coreOfOptions,
  type SocketOptions,
  settingsOf,
  socketHandlerNames,
  socketOptionNames,
  styleOf,
} from "./socket_options.js";

export interface ListenOptions extends SocketOptions {
  /**
   * An address, or a host name: then the listener listens at the first of its addresses that works. Default `"::"`, which
   * takes IPv4 too (`"0.0.0.0"` where there is no IPv6).
   */
  host?: string | undefined;
  /** Use addresses of this family only; 0, the default: both. Without a host, 4 means `"0.0.0.0"` and 6 `"::"`. */
  family?: 0 | 4 | 6 | undefined;
  /** Looks host names up; default Node's `dns.lookup`, as it is at that moment. */
  lookup?: LookupFunction | undefined;
  /** The TCP port number; 0, the default: any free one. */
  port?: number | undefined;
  /** Connections that may wait to be accepted; default 4096. The OS may allow fewer (listen(2)). */
  backlog?: number | undefined;
  /** Take no IPv4 on an IPv6 address; default false. */
  ipv6Only?: boolean | undefined;
  /** Share the TCP port with other listeners that say so too (SO_REUSEPORT); default false. */
  reusePort?: boolean | undefined;
  /**
   * Where the OS accepts before it is asked to (Windows): how many accepts wait there when all is quiet; default 16, at
   * most 4096. Elsewhere the backlog does that work, and this and the next four options have no effect.
   */
  acceptLowWaterMark?: number | undefined;
  /** How many wait there when connections come faster; default 256, or the low one where that is more. */
  acceptHighWaterMark?: number | undefined;
  /**
   * A connection is accepted together with its first bytes: one system call less, and no socket object for clients
   * that say nothing. Default false.
   */
  acceptData?: boolean | undefined;
  /** Milliseconds that a client may stay silent with `acceptData` before it is dropped; default 10000, at least 1000. */
  acceptTimeout?: number | undefined;
  /**
   * Sockets whose connection ended in order are used again (DisconnectEx with TF_REUSE_SOCKET); default false.
   * `ENOTSUP` under Wine, where such a socket never receives anything.
   */
  reuseSockets?: boolean | undefined;
  /** Closes the listener when it is aborted. */
  signal?: AbortSignal | undefined;
}

const optionNames = new Set([
  ...socketOptionNames,
  "host",
  "family",
  "lookup",
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
const anyAddress = { 0: ["::", "0.0.0.0"], 4: ["0.0.0.0"], 6: ["::"] };
function familyIsMissing({ code }: PortsideError): boolean {
  return code === "EAFNOSUPPORT" || code === "EADDRNOTAVAIL";
}

/**
 * Listens. With handlers, every connection is theirs (push style); without, {@link TcpListener.accept} and `for await`
 * give the connections (pull style). Errors: `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`, `ENOTFOUND`, …, or `ERR_…` for a
 * wrong argument. When several addresses fail, the error is that of the first, with all of them in `errors`. `Data` is
 * the type of its sockets' `data`.
 */
export async function listen<Data = unknown>(
  options: ListenOptions = {},
  handlers?: ListenHandlers<Data>,
): Promise<TcpListener<Data>> {
  checkOptions(options, optionNames);
  checkHandlers(handlers, handlerNames);
  const host = hostOf("options.host", options.host, undefined);
  const family = familyOptionOf(options.family);
  const lookup = lookupOf(options.lookup);
  const parameters = {
    ...settingsOf(options),
    port: portOf("options.port", options.port, 0, 0),
    backlog: integerOf("options.backlog", options.backlog, 4096, 1),
    ipv6Only: booleanOf("options.ipv6Only", options.ipv6Only, false),
    reusePort: booleanOf("options.reusePort", options.reusePort, false),
    ...acceptingOf(options),
  };
  const style = styleOf(options, handlers as ListenHandlers | undefined);
  const signal = signalOf(options, "listen");
  const owner = coreOfOptions(options, "listen");
  const open = (address: string): NativeHandle | NativeError =>
    owner.native.listen({ ...parameters, address });
  let handle: NativeHandle;
  if (host === undefined) {
    handle = openAny(anyAddress[family], parameters.port, open);
  } else {
    const addresses = await unlessGivenUp(addressesOf(host, family, lookup), owner, signal);
    admitSignal(signal, "listen");
    if (owner.closed) throw closedError("listen", "completion port");
    handle = openFirst(host, addresses, parameters.port, open);
  }
  const bound = owner.native.address(handle.index, handle.generation, false) as NativeAddress;
  return listenerInner.make(owner, handle, bound, style, signal) as TcpListener<Data>;
}

/** A look-up may never answer: it is waited for until the signal is aborted or the port is closed. */
async function unlessGivenUp<T>(
  lookUp: Promise<T>,
  owner: Core,
  signal: AbortSignal | undefined,
): Promise<T> {
  let end = (): void => {};
  try {
    return await new Promise<T>((resolve, reject) => {
      const fail = (error: PortsideError): void => rejectTraced(resolve, reject, error);
      const abortable = { abort: (reason: unknown) => fail(abortError("listen", reason)) };
      const closes = (): void => fail(closedError("listen", "completion port"));
      const forget = owner.whenClosing(closes);
      end = () => {
        forget();
        if (signal) unwatch(signal, abortable);
      };
      if (signal) watch(signal, abortable);
      // Both ways on are functions of promises, through which an error's stack finds who awaits.
      void follow(lookUp, resolve, reject);
      if (owner.closed) closes(); // by the look-up itself
    });
  } finally {
    end();
  }
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

type Open = (address: string) => NativeHandle | NativeError;

/** At the first of a host's addresses that it can be opened at. */
function openFirst(host: string, addresses: readonly string[], port: number, open: Open): NativeHandle {
  const errors: PortsideError[] = [];
  for (const address of addresses) {
    const answer = open(address);
    if (!isNativeError(answer)) return answer;
    errors.push(addressError(answer, { address, port }));
  }
  throw severalErrors(host, errors);
}

/** At every address, where a missing family is none to be mentioned. */
function openAny([address, other]: readonly string[], port: number, open: Open): NativeHandle {
  const answer = open(address as string);
  if (!isNativeError(answer)) return answer;
  const error = addressError(answer, { address, port });
  if (other === undefined || !familyIsMissing(error)) throw error;
  return openAny([other], port, open);
}
