import { type PortsideErrorDetails, systemError } from "./errors.js";
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
  receiveBuffers: number;
  postedAccepts: number;
  postedReceives: number;
  postedSends: number;
  acceptsTimedOut: number;
  retries: number;
}

export interface NativePort {
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
  setKeepAlive(index: number, generation: number, delay: number): NativeError | undefined;
  setHandleReferenced(index: number, generation: number, on: boolean): void;
  queued(index: number, generation: number): number;
  setReferenced(on: boolean): void;
  takePackets(): Uint8Array[];
  stats(): NativeStats | undefined;
  describe(): { id: number; loop: boolean };
  close(): void;
}

interface Layout {
  ringsSize: number;
  receiveSpaceSize: number;
  receiveLimit: number;
  submissionsAt: number;
  submissionCapacity: number;
  completionsAt: number;
  completionCapacity: number;
  sendSpaceAt: number;
  sendSpaceSize: number;
}

interface Addon {
  Port: new (
    options: { backend: string; loop: boolean; batch: number; polls: number },
    rings: ArrayBuffer,
    received: ArrayBuffer,
    deliver: () => void,
    yieldTurn: () => void,
  ) => NativePort;
  post(id: number, bytes: Uint8Array): boolean;
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
  return "code" in answer;
}

export function toError(error: NativeError, details: PortsideErrorDetails = {}): Error {
  return systemError(errorName(error.code), { syscall: error.syscall, native: error.native, ...details });
}
