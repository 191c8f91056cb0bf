/** What the client does with what arrives. `lost` is called at most once, and last. */
export interface Receiver {
  data(chunk: Uint8Array): void;
  lost(reason: Error): void;
}

/** A client's connection. */
export interface Connection {
  write(message: Uint8Array): void;
  close(): void;
}

/** The little that both sides of the comparison must be able to do; everything else is written once. */
export interface Library {
  /** Starts an echo server on any free port of 127.0.0.1. Returns the port. */
  listenEcho(): Promise<number>;
  /** Connects to a port of 127.0.0.1. */
  connect(port: number, receiver: Receiver): Promise<Connection>;
}

/** The one address of the main job. */
export const host = "127.0.0.1";

/** Connections that may wait to be accepted, in both libraries. */
export const backlog = 4096;
