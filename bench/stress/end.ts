import type { TcpSocket } from "../../src/index.js";
import type { Ledger } from "./ledger.js";
import type { Random } from "./random.js";
import { Incoming, Outgoing } from "./stream.js";

/**
 * How an end behaves: "orderly" sends everything, then a FIN, and reads to the peer's; the others close or reset at
 * some moment, whatever is under way.
 */
export type Manner = "orderly" | "close" | "reset";

/** One end of a connection. */
export abstract class End {
  readonly outgoing = new Outgoing();
  readonly incoming = new Incoming();
  readonly manner: Manner;
  /** Errors that it did not ask for. */
  readonly errors: string[] = [];
  #over = false;

  constructor(
    readonly id: number,
    readonly style: string,
    protected readonly random: Random,
    protected readonly ledger: Ledger,
  ) {
    this.manner = random.chance(0.75) ? "orderly" : random.pick(["close", "reset"]);
  }

  /** Lives until the socket is closed; never rejects. */
  async run(socket: TcpSocket): Promise<void> {
    await this.live(socket);
    this.#over = true;
  }

  /** Whether its socket is closed, and all it began has ended. */
  get over(): boolean {
    return this.#over;
  }

  /** For messages. */
  toString(): string {
    return `end ${this.id} (${this.style}, ${this.manner})`;
  }

  /** What it is doing, for the message about one that does not come to an end. */
  abstract get state(): string;

  protected abstract live(socket: TcpSocket): Promise<void>;

  /** Every kind of end leaves in the same way. */
  protected async leave(socket: TcpSocket): Promise<void> {
    if (this.manner === "reset") await this.ledger.track("reset", socket.reset());
    else await this.ledger.track("close", socket.close());
  }

  protected error(error: { code: string }): void {
    this.errors.push(error.code);
  }
}
