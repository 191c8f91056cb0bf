import {
  CompletionPort,
  connect,
  type ListenHandlers,
  listen,
  type Operation,
  TcpListener,
  TcpSocket,
} from "../../src/index.js";
import type { Random } from "../stress/random.js";
import type { Board } from "./board.js";
import { turn, within } from "./clock.js";
import { Hostile, lose } from "./hostile.js";
import { AttackError, type Ledger } from "./ledger.js";
import { hasVictimsByte } from "./pattern.js";

type Method = (...args: unknown[]) => unknown;

const host = "127.0.0.1";
const mostSockets = 60;
const mostPorts = 8;
const mostListeners = 12;
const deepest = 3;

/** What the attackers own: sockets, listeners, operations and ports, and the mischief that handlers and getters do. */
export class Arena {
  readonly random: Random;
  readonly ledger: Ledger;
  readonly board: Board;
  readonly hostile: Hostile;
  readonly sockets: TcpSocket[] = [];
  readonly listeners: TcpListener[] = [];
  readonly ports: CompletionPort[] = [];
  readonly operations: Operation[] = [];
  /** Ports of the victims: what reaches them by a public name is not an attack. */
  readonly forbidden: ReadonlySet<unknown>;
  /** At most so much mischief is done until the next step. */
  #mischiefLeft = 0;
  #depth = 0;
  #over = false;

  constructor(random: Random, ledger: Ledger, board: Board, forbidden: ReadonlySet<unknown>) {
    this.random = random;
    this.ledger = ledger;
    this.board = board;
    this.forbidden = forbidden;
    this.hostile = new Hostile(random, () => this.mischief());
  }

  /** Begins a step of an attack. */
  begin(lane: number, doing: string): void {
    this.board.begin(lane, doing);
    this.ledger.count(doing);
    this.refresh();
    this.#trim();
  }

  /** Allows for more mischief. */
  refresh(): void {
    this.#mischiefLeft = 60;
  }

  detail(what: string): void {
    this.ledger.count(what);
  }

  // --- things of one's own ---

  /** A port: one that the victims use, too, or one of one's own. */
  port(): CompletionPort {
    if (this.random.chance(0.4)) return CompletionPort.default;
    return this.ownPort();
  }

  ownPort(): CompletionPort {
    const open = this.ports.filter((port) => !port.closed);
    if (open.length === 0 || (open.length < mostPorts && this.random.chance(0.1))) return this.#openPort();
    return this.random.pick(open);
  }

  async listener(handlers?: ListenHandlers, options: object = {}): Promise<TcpListener> {
    const listener = await listen({ host, completionPort: this.port(), ...options }, handlers);
    this.keep(listener);
    return listener;
  }

  /** Two connected pull-style sockets on one port. */
  async pair(options: object = {}): Promise<[TcpSocket, TcpSocket]> {
    const completionPort = this.port();
    await using listener = await listen({ host, completionPort, ...options });
    const { port } = listener.address;
    const [near, far] = await Promise.all([
      connect({ host, port, completionPort, ...options }),
      listener.accept(),
    ]);
    this.keep(near);
    this.keep(far);
    return [near, far];
  }

  /** A socket that is there already, open or closed, or a new one. */
  async socket(): Promise<TcpSocket> {
    if (this.sockets.length > 6 && this.random.chance(0.8)) return this.random.pick(this.sockets);
    return (await this.pair())[0];
  }

  operation(port = this.port()): Operation {
    const operation = port.operation((error, result) => {
      this.#completed(operation);
      if (error === null && result instanceof TcpSocket) this.keep(result);
      if (this.random.chance(0.3)) this.mischief();
    });
    this.operations.push(operation);
    if (this.operations.length > 100) this.operations.shift();
    return operation;
  }

  /** Whatever a call gave: what has to be closed is closed at the end, and what has to complete is waited for. */
  keep<T>(answer: T): T {
    if (this.forbidden.has(answer)) return answer;
    if (answer instanceof TcpSocket) add(this.sockets, answer);
    else if (answer instanceof TcpListener) add(this.listeners, answer);
    else if (answer instanceof CompletionPort) add(this.ports, answer);
    if (this.#over && closable(answer)) void answer.close();
    return answer;
  }

  // --- attempts ---

  /** Calls; what it throws is an answer like another. A promise it gives has to be settled in the end. */
  attempt(what: string, call: () => unknown): unknown {
    try {
      const answer = call();
      this.ledger.follow(what, answer);
      if (answer instanceof Promise)
        void answer.then(
          (value) => this.keep(value),
          () => {},
        );
      return this.keep(answer);
    } catch {
      return undefined;
    }
  }

  /** The same, by the method's name. */
  call(target: object, name: string, ...args: unknown[]): unknown {
    return this.attempt(name, () => (target as Record<string, Method>)[name]?.(...args));
  }

  /** Submits an operation; accepted, it has to complete. */
  submit(operation: Operation, name: "recv" | "send" | "accept" | "timer", ...args: unknown[]): void {
    if (operation.pending) return;
    const completed = this.ledger.expect(`operation.${name}`);
    const before = this.#completions.get(operation);
    this.#completions.set(operation, completed);
    try {
      (operation as unknown as Record<string, Method>)[name]?.(...args);
    } catch {
      // Refused; unless what it called meanwhile has submitted it.
      if (this.#completions.get(operation) !== completed) return completed();
      if (before) this.#completions.set(operation, before);
      else this.#completions.delete(operation);
      completed();
    }
  }

  readonly #completions = new Map<Operation, () => void>();

  #completed(operation: Operation): void {
    this.board.step();
    const completed = this.#completions.get(operation);
    this.#completions.delete(operation);
    if (completed) completed();
    else this.ledger.fault("an operation completed that nobody had submitted");
  }

  /** Looks at bytes that an attacker got. */
  inspect(bytes: Uint8Array, whose: string): void {
    if (hasVictimsByte(bytes)) this.ledger.fault(`${whose} got a victim's bytes`);
  }

  // --- mischief ---

  /** What a getter, a trap or a handler does that should do nothing: calls back in, or throws. */
  mischief(): unknown {
    if (this.#depth >= deepest || this.#mischiefLeft-- <= 0 || this.#over) return undefined;
    this.#depth++;
    try {
      return this.random.pick(mischiefs)(this);
    } finally {
      this.#depth--;
    }
  }

  /** Closes everything; what is pending then must complete. */
  async close(): Promise<void> {
    this.#over = true;
    const closing = [...this.sockets, ...this.listeners].map((handle) => handle.close());
    const ports = [...this.ports, CompletionPort.default];
    for (const port of ports) closing.push(port.close());
    if (!(await within(Promise.all(closing), 20_000))) this.ledger.fault("not everything closes within 20 s");
    for (const port of ports) {
      const { handles, operations, bytesQueued } = port.stats();
      if (handles + operations + bytesQueued > 0)
        this.ledger.fault(
          `a closed port has ${handles} handles, ${operations} operations, ${bytesQueued} bytes`,
        );
    }
    // Promises that wait for promises.
    for (let turns = 0; turns < 1000 && this.ledger.pending.length > 0; turns++) await turn();
    for (const what of this.ledger.pending) this.ledger.fault(`never completed: ${what}`);
  }

  #openPort(): CompletionPort {
    const { random } = this;
    return this.keep(new CompletionPort({ batch: random.pick([1, 2, 64]), polls: random.pick([1, 3]) }));
  }

  #trim(): void {
    while (this.sockets.length > mostSockets) void this.sockets.shift()?.reset();
    while (this.listeners.length > mostListeners) void this.listeners.shift()?.close();
    while (this.ports.length > mostPorts) void this.ports.shift()?.close();
  }
}

function add<T>(list: T[], item: T): void {
  if (!list.includes(item)) list.push(item);
}

function closable(value: unknown): value is { close(): Promise<void> } {
  return value instanceof TcpSocket || value instanceof TcpListener || value instanceof CompletionPort;
}

type Mischief = (arena: Arena) => unknown;

function anyOf<T>(random: Random, items: readonly T[], use: (item: T) => void): void {
  if (items.length > 0) use(random.pick(items));
}

const socketMethods = [
  ...["recv", "recvInto", "send", "write", "shutdown", "pause", "resume", "close", "reset", "ref", "unref"],
  ...["setNoDelay", "setKeepAlive", "end", "drained"],
];

// One line each; a socket may be the one that is at work.
const mischiefs: readonly Mischief[] = [
  () => {
    throw new AttackError();
  },
  ({ hostile }) => hostile.number(),
  (arena) => arena.hostile.value(),
  (arena) =>
    anyOf(arena.random, arena.sockets, (socket) => {
      arena.call(socket, arena.random.pick(socketMethods), ...arena.hostile.values(2));
    }),
  (arena) => anyOf(arena.random, arena.sockets, (socket) => arena.call(socket, "write", "reentered")),
  (arena) => anyOf(arena.random, arena.sockets, (socket) => arena.call(socket, "send", arena.hostile.view())),
  (arena) => anyOf(arena.random, arena.sockets, (socket) => arena.call(socket, "recv")),
  (arena) =>
    anyOf(arena.random, arena.listeners, (listener) => {
      arena.call(listener, arena.random.pick(["close", "accept", "ref", "unref"]));
    }),
  (arena) => anyOf(arena.random, arena.ports, (port) => arena.call(port, "close")),
  (arena) => anyOf(arena.random, arena.ports, (port) => arena.call(port, "post", arena.hostile.value())),
  (arena) =>
    anyOf(arena.random, arena.operations, (operation) => {
      if (arena.random.chance(0.5)) operation.cancel();
      else arena.submit(operation, "timer", arena.random.integer(0, 3));
    }),
  (arena) =>
    anyOf(arena.random, arena.operations, (operation) => {
      anyOf(arena.random, arena.sockets, (socket) =>
        arena.submit(operation, "send", socket, arena.hostile.view()),
      );
    }),
  (arena) =>
    anyOf(arena.random, arena.operations, (operation) => {
      anyOf(arena.random, arena.sockets, (socket) =>
        arena.submit(operation, "recv", socket, arena.hostile.view()),
      );
    }),
  (arena) => void arena.attempt("listen", () => listen({ host, completionPort: arena.port() })),
  (arena) => void arena.attempt("pair", () => arena.pair()),
  (arena) => lose(arena.hostile.view()),
];
