import { type Context, currentContext } from "./context.js";
import type { SocketHandlers } from "./socket.js";

export const defaultHighWaterMark = 65536;

/**
 * How the sockets of one listener, or of one connect, behave. Shared by all of them: a socket holds a pointer to it
 * and nothing more.
 */
export class Style {
  /** Where the handlers run: in the async context of the call that gave them. */
  readonly context: Context;

  constructor(
    /** Push style; undefined: pull style. */
    readonly handlers: SocketHandlers | undefined,
    readonly highWaterMark: number,
    readonly borrow: boolean,
  ) {
    this.context = currentContext();
  }
}
