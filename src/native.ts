import { type PortsideErrorDetails, systemError } from "./errors.js";
import { hasOwn } from "./intrinsics.js";
import { loadAddon } from "./load_addon.js";

/** An error as the addon tells it: an index into `errorNames`, and the OS's own number. */
export interface NativeError {
  code: number;
  native: number;
  syscall: string;
}

export interface NativeHandle {
  index: number;
  generation: number;
}

export interface NativeAddress {
  address: string;
  family: "IPv4" | "IPv6";
  port: number;
}

export interface NativeSettings {
  noDelay: boolean;
  /** Milliseconds before the first probe; 0: off; -1: on, with the OS's delay. */
  keepAlive: number;
  /** Milliseconds between probes, and how many of them; 0: the OS's. */
  keepAliveInterval: number;
  keepAliveCount: number;
  /** Milliseconds; 0: the OS's. */
  userTimeout: number;
  receiveBufferSize: number;
  sendBufferSize: number;
  unbufferedSends: boolean;
}

export interface NativeAccepting {
  acceptLowWaterMark: number;
  acceptHighWaterMark: number;
  acceptData: boolean;
  /** Milliseconds. */
  acceptTimeout: number;
  reuseSockets: boolean;
}

export interface NativeListen extends NativeSettings, NativeAccepting {
  address: string;
  port: number;
  backlog: number;
  ipv6Only: boolean;
  reusePort: boolean;
}

export interface NativeConnect extends NativeSettings {
  address: string;
  port: number;
  localAddress: string | undefined;
  localPort: number;
}

export interface NativeStats {
  handles: number;
  operations: number;
  submitted: number;
  completed: number;
  batches: number;
  polls: number;
  accepted: number;
  connected: number;
  shortages: number;
  bytesReceived: number;
  bytesSent: number;
  bytesQueued: number;
  bytesDropped: number;
  receiveBuffers: number;
  postedAccepts: number;
  postedReceives: number;
  postedSends: number;
  acceptsTimedOut: number;
  retries: number;
}

export interface NativePort {
  /** What both sides use: it outlives whatever a program does with it. */
  memory(): { rings: ArrayBuffer; received: ArrayBuffer };
  /** The receive space, in new memory when a program has taken the old one's away. */
  renewReceived(): ArrayBuffer;
  submit(): void;
  send(
    index: number,
    generation: number,
    token: number,
    flags: number,
    data: Uint8Array | readonly Uint8Array[],
  ): number;
  turn(): void;
  listen(options: NativeListen): NativeHandle | NativeError;
  connect(options: NativeConnect, token: number): NativeHandle | NativeError;
  address(index: number, generation: number, remote: boolean): NativeAddress | undefined;
  setNoDelay(index: number, generation: number, on: boolean): NativeError | undefined;
  setKeepAlive(
    index: number,
    generation: number,
    delay: number,
    interval: number,
    count: number,
  ): NativeError | undefined;
  setUserTimeout(index: number, generation: number, milliseconds: number): NativeError | undefined;
  /** Asks the kernel; true when the connect's completion is on its way. */
  connectHasEnded(index: number, generation: number): boolean;
  setHandleReferenced(index: number, generation: number, on: boolean): void;
  queued(index: number, generation: number): number;
  setReferenced(on: boolean): void;
  /** The oldest packets, at most so many; when there are more, a `posted` completion follows. */
  takePackets(most: number): Uint8Array[];
  stats(): NativeStats | undefined;
  describe(): { id: number; loop: boolean };
  close(): void;
}

interface Layout {
  ringsSize: number;
  receiveSpaceSize: number;
  receiveLimit: number;
  /** Operations are named by tokens from 1 to this. */
  maxToken: number;
  submissionsAt: number;
  submissionCapacity: number;
  completionsAt: number;
  completionCapacity: number;
  sendSpaceAt: number;
  sendSpaceSize: number;
}

interface Addon {
  Port: new (
    options: {
      backend: string;
      loop: boolean;
      batch: number;
      polls: number;
      /** Memory for the receive space that cannot be detached; without it the addon takes its own. */
      received?: ArrayBuffer | undefined;
    },
    deliver: () => void,
    /** turn() is to be called by setImmediate, which keeps the process alive only if `referenced`. */
    yieldTurn: (referenced: boolean) => void,
  ) => NativePort;
  post(id: number, bytes: Uint8Array): boolean;
  /** Has Node call the listeners for uncaught exceptions, or end the process. */
  reportUncaught(error: unknown): void;
  /** The contract's name of what the OS calls so. */
  errorCodeOf(native: number): string;
  /** For tests of shortage, where the OS has no limit to lower: false where it has one. */
  limitSockets(limit: number): boolean;
  /** The same for requests to the OS, every so many of which are refused for want of memory; 0: none. */
  refuseRequests(every: number): boolean;
  layout: Layout;
  errorNames: string[];
  backends: string[];
}

export const addon = loadAddon() as Addon;

export function errorName(code: number): string {
  return addon.errorNames[code] ?? "UNKNOWN";
}

export function isNativeError(answer: NativeHandle | NativeError): answer is NativeError {
  return hasOwn(answer, "code"); // whatever a program has given to every object
}

export function toError(error: NativeError, details: PortsideErrorDetails = {}): Error {
  return systemError(errorName(error.code), { syscall: error.syscall, native: error.native, ...details });
}
