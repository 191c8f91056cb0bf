import type { SocketHandlers } from "./socket.js";

export const defaultHighWaterMark = 65536;

/**
 * How the sockets of one listener, or of one connect, behave. Shared by all of them: a socket holds a pointer to it
 * and nothing more.
 */
export class Style {
  constructor(
    /** Push style; undefined: pull style. */
    readonly handlers: SocketHandlers | undefined,
    readonly highWaterMark: number,
    readonly borrow: boolean,
  ) {}
}
