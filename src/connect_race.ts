import { isIP, isIPv6 } from "node:net";
import { type Abortable, unwatch, watch } from "./abort.js";
import type { Core } from "./core.js";
import { abortError, closedError, systemError } from "./errors.js";
import { isNativeError, type NativeSettings, toError } from "./native.js";
import { type Outcome, outcomeError, type Waiting } from "./pending.js";
import { inner, type TcpSocket } from "./socket.js";
import type { Style } from "./style.js";

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
  readonly #running = new Set<Attempt>();
  #waiting: string[] = [];
  #errors: Error[] = [];
  #nextTimer: NodeJS.Timeout | undefined;
  #over = false;
  #resolve!: (socket: TcpSocket) => void;
  #reject!: (error: unknown) => void;
  #cleanUp: () => void = () => {};

  constructor(plan: ConnectPlan) {
    this.#plan = plan;
  }

  run(
    lookUp: () => Promise<string[]>,
    timeout: number | undefined,
    signal: AbortSignal | undefined,
  ): Promise<TcpSocket> {
    return new Promise<TcpSocket>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      // The timers hold nothing: the look-up does, and then the attempts, as long as their port does.
      const timer = timeout === undefined ? undefined : setTimeout(() => this.#timeOut(), timeout).unref();
      if (signal) watch(signal, this);
      this.#cleanUp = () => {
        clearTimeout(timer);
        clearTimeout(this.#nextTimer);
        if (signal) unwatch(signal, this);
      };
      lookUp().then(
        (addresses) => {
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
    this.#running.delete(attempt);
    const { socket } = attempt;
    if (this.#over || this.#plan.owner.closed) {
      inner.close(socket);
      if (!this.#over) this.#fail(closedError("connect"));
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
  refused(attempt: Attempt | undefined, error: Error): void {
    if (attempt) this.#running.delete(attempt);
    this.#errors.push(error);
    if (!this.#over) this.#tryNext();
  }

  #tryNext(): void {
    clearTimeout(this.#nextTimer);
    if (this.#over) return;
    if (this.#plan.owner.closed) return this.#fail(this.#errors[0] ?? closedError("connect"));
    const address = this.#waiting.shift();
    if (address !== undefined) {
      if (this.#waiting.length > 0)
        this.#nextTimer = setTimeout(() => this.#tryNext(), this.#plan.attemptDelay).unref();
      return this.#start(address);
    }
    if (this.#running.size > 0) return;
    this.#fail(this.#errors[0]);
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
      queueMicrotask(() => this.refused(undefined, toError(answer, local)));
      return;
    }
    attempt.socket = inner.make(owner, answer.index, answer.generation, style);
    inner.silence(attempt.socket, true);
    inner.adopt(attempt.socket);
    this.#running.add(attempt);
  }

  #timeOut(): void {
    this.#fail(
      systemError("ETIMEDOUT", { syscall: "connect", address: this.#plan.host, port: this.#plan.port }),
    );
  }

  #fail(error: unknown): void {
    if (this.#over) return;
    this.#finish();
    this.#reject(error);
  }

  #finish(): void {
    this.#over = true;
    this.#cleanUp();
    for (const attempt of this.#running) inner.close(attempt.socket);
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
  if (from !== undefined && isIP(from) === isIP(address) && !isEveryAddress(from)) return from;
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
  return isIPv6(address) ? "::" : "0.0.0.0";
}
