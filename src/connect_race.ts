import { type Abortable, unwatch, watch } from "./abort.js";
import { addressError, severalErrors, timeoutError } from "./address_errors.js";
import type { Core } from "./core.js";
import { abortError, closedError, type PortsideError, systemError } from "./errors.js";
import { addTo, deleteFrom, eachOf } from "./intrinsics.js";
import { familyOf } from "./lookup.js";
import { isNativeError, type NativeSettings } from "./native.js";
import { type Outcome, outcomeError, type Waiting } from "./pending.js";
import { follow, immediately, soon } from "./scheduling.js";
import { rejectTraced } from "./settling.js";
import { inner, type TcpSocket } from "./socket.js";
import type { Style } from "./style.js";
import { Timer } from "./timer.js";

/** What all attempts of one connect() share. */
export interface ConnectPlan {
  owner: Core;
  style: Style;
  host: string;
  port: number;
  localAddress: string | undefined;
  localPort: number;
  settings: NativeSettings;
  /** Milliseconds. */
  attemptDelay: number;
}

/**
 * Happy eyeballs (RFC 8305): addresses are tried one after the other, the next one beside the last when that takes
 * long, at once when it fails. The first connection that stands wins; the others are closed unseen.
 */
export class ConnectRace implements Abortable {
  readonly #plan: ConnectPlan;
  readonly #running = new Set<Attempt>(); // who waits, too: a program's own methods of sets do not see it
  #waiting: string[] | undefined; // addresses, once they are known
  #errors: PortsideError[] = [];
  #timer: Timer | undefined;
  #nextTimer: Timer | undefined;
  #signal: AbortSignal | undefined;
  #lookUpEnds: () => void = () => {};
  #late = false; // the time-out has passed
  #over = false;
  #resolve!: (socket: TcpSocket) => void;
  #reject!: (error: unknown) => void;

  constructor(plan: ConnectPlan) {
    this.#plan = plan;
  }

  run(
    lookUp: () => Promise<string[]>,
    timeout: number | undefined,
    signal: AbortSignal | undefined,
  ): Promise<TcpSocket> {
    const { owner } = this.#plan;
    return new Promise<TcpSocket>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      if (timeout !== undefined) {
        this.#timer = new Timer(owner, timeout, () => this.#timeOut());
      }
      // A look-up may never answer. Attempts are operations: the port cancels them, and they say so.
      this.#lookUpEnds = owner.whenClosing(() => this.#fail(closedError("connect", "completion port")));
      this.#signal = signal;
      if (signal) watch(signal, this);
      if (this.#over) return; // the signal did that
      void follow(
        lookUp(),
        (addresses) => {
          this.#lookUpEnds();
          this.#waiting = addresses;
          this.#tryNext();
        },
        (error) => this.#fail(error),
      );
    });
  }

  abort(reason: unknown): void {
    this.#fail(abortError("connect", reason, { address: this.#plan.host, port: this.#plan.port }));
  }

  /** @internal */
  connected(attempt: Attempt): void {
    deleteFrom(this.#running, attempt);
    const { socket } = attempt;
    if (this.#over || this.#plan.owner.closed) {
      inner.close(socket);
      if (!this.#over) this.#fail(closedError("connect", "completion port"));
      return;
    }
    this.#finish();
    inner.silence(socket, false);
    try {
      inner.opened(socket, false);
    } finally {
      this.#resolve(socket);
    }
  }

  /** @internal */
  refused(attempt: Attempt | undefined, error: PortsideError): void {
    if (attempt) deleteFrom(this.#running, attempt);
    this.#errors.push(error);
    if (!this.#over) this.#tryNext();
  }

  #tryNext(): void {
    this.#nextTimer?.stop();
    if (this.#over) return;
    const { owner, host, attemptDelay } = this.#plan;
    if (owner.closed) return this.#fail(this.#errors[0] ?? closedError("connect", "completion port"));
    const waiting = this.#waiting as string[];
    if (waiting.length === 0 && this.#running.size === 0)
      return this.#fail(severalErrors(host, this.#errors));
    if (this.#late) return this.#giveUp();
    const address = waiting.shift();
    if (address === undefined) return;
    if (waiting.length > 0) this.#nextTimer = new Timer(owner, attemptDelay, () => this.#delayPasses());
    this.#start(address);
  }

  // Once an attempt has ended, its completion goes on from there.
  #delayPasses(): void {
    if (!this.#over && !this.#someHaveEnded()) this.#tryNext();
  }

  #start(found: string): void {
    const address = reachable(found, this.#plan.localAddress);
    const { owner, style, port, localPort, settings } = this.#plan;
    const { localAddress = localPort === 0 ? undefined : anyLike(address) } = this.#plan;
    const attempt = new Attempt(this, address, port);
    const token = owner.expect(attempt);
    const answer = owner.native.connect({ ...settings, address, port, localAddress, localPort }, token);
    if (isNativeError(answer)) {
      owner.expectNot(token);
      const local =
        answer.syscall === "bind" ? { address: localAddress, port: localPort } : { address, port };
      // Later, as every other failure: the next attempt must not start within this one.
      soon(() => this.refused(undefined, addressError(answer, local)));
      return;
    }
    attempt.socket = inner.make(owner, answer.index, answer.generation, style);
    inner.silence(attempt.socket, true);
    inner.adopt(attempt.socket);
    addTo(this.#running, attempt);
  }

  // When the program kept its thread busy for longer than the time-out, what came in time has yet to be seen: of a
  // look-up in this turn of the loop, of the attempts by asking the kernel.
  #timeOut(): void {
    if (this.#waiting === undefined) immediately(() => this.#giveUp());
    else this.#giveUp();
  }

  #giveUp(): void {
    if (this.#over) return;
    this.#late = true;
    if (this.#someHaveEnded()) return; // tryNext() brings us back here unless they stand
    const { host, port } = this.#plan;
    const errors = [...this.#errors];
    eachOf(this.#running, ({ address }) => {
      errors.push(systemError("ETIMEDOUT", { syscall: "connect", address, port }));
    });
    this.#fail(timeoutError(host, port, errors));
  }

  #someHaveEnded(): boolean {
    const { native } = this.#plan.owner;
    let some = false;
    eachOf(this.#running, ({ socket }) => {
      if (native.connectHasEnded(inner.index(socket), inner.generation(socket))) some = true;
    });
    return some;
  }

  #fail(error: unknown): void {
    if (this.#over) return;
    this.#finish();
    rejectTraced(this.#resolve, this.#reject, error);
  }

  #finish(): void {
    this.#over = true;
    this.#lookUpEnds();
    this.#timer?.stop();
    this.#nextTimer?.stop();
    if (this.#signal) unwatch(this.#signal, this);
    eachOf(this.#running, ({ socket }) => inner.close(socket));
    // Whoever hears of the end finds nothing left behind.
    this.#plan.owner.rings.flush();
  }
}

function isEveryAddress(address: string): boolean {
  return /^[0:.]+$/.test(address);
}

/**
 * Connecting to "every address" means this machine, where the connection comes from if that is said: some systems do
 * it by themselves, others refuse.
 */
function reachable(address: string, from: string | undefined): string {
  if (!isEveryAddress(address)) return address;
  if (from !== undefined && familyOf(from) === familyOf(address) && !isEveryAddress(from)) return from;
  return address.includes(":") ? "::1" : "127.0.0.1";
}

/** One address being tried. */
class Attempt implements Waiting {
  socket!: TcpSocket;

  constructor(
    readonly race: ConnectRace,
    readonly address: string,
    readonly port: number,
  ) {}

  settle(_core: Core, outcome: Outcome): void {
    if (outcome.error === 0) return this.race.connected(this);
    this.race.refused(this, outcomeError("connect", outcome, { address: this.address, port: this.port }));
  }
}

// To choose a local port the socket is bound to some address of the same family.
function anyLike(address: string): string {
  return familyOf(address) === 6 ? "::" : "0.0.0.0";
}
