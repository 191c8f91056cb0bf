export type { Bytes, SendData } from "./bytes.js";
export { type ConnectOptions, connect } from "./connect.js";
export { PortsideError, type PortsideErrorDetails } from "./errors.js";
export { type ListenOptions, listen } from "./listen.js";
export { type ListenHandlers, TcpListener } from "./listener.js";
export type { LookupAddress, LookupFunction } from "./lookup.js";
export { Operation, type OperationHandler } from "./operation.js";
export { type BackendName, CompletionPort, type CompletionPortOptions, type PortStats } from "./port.js";
export {
  type IpAddress,
  type ReceiveOptions,
  type SignalOptions,
  type SocketHandlers,
  TcpSocket,
} from "./socket.js";
export type { SocketOptions } from "./socket_options.js";
