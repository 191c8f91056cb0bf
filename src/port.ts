import { type InspectOptions, inspect } from "node:util";
import { system } from "../platforms/rooms.js";
import { Core, post } from "./core.js";
import { variable } from "./environment.js";
import { closedError, typeError, valueError } from "./errors.js";
import { inspectAs } from "./inspecting.js";
import { addon, type NativeStats } from "./native.js";
import { makeOperation, type Operation, type OperationHandler } from "./operation.js";
import { checkInteger, checkOptions, integerOf } from "./options.js";

export type BackendName = "epoll" | "kqueue" | "iocp" | "io_uring" | "simulated";

export interface CompletionPortOptions {
  /** Default: `PORTSIDE_BACKEND`, or the best this system has. */
  backend?: BackendName | undefined;
  /**
   * How the engine gets its turn: nested into Node's loop, or by a thread that waits for the kernel.
   * Default: `PORTSIDE_WAKER`, or the loop where it can be nested.
   */
  waker?: "loop" | "thread" | undefined;
  /** Completions per call into JavaScript, 1 to 1024; default 64. */
  batch?: number | undefined;
  /** Batches before Node's own timers, files and promises have their turn, 1 to 64; default 3. */
  polls?: number | undefined;
}

export interface PortStats extends NativeStats {
  backend: BackendName;
  waker: "loop" | "thread";
  /** Values that `post()` brought. */
  posted: number;
  /** Bytes that `write()` or `end()` was given and that never reached the OS, because their connection ended. */
  bytesDropped: number;
  /** Descriptors this process may have. */
  descriptorLimit: number;
  /** Bytes of memory this process holds. */
  residentMemory: number;
}

const portOptionNames = new Set(["backend", "waker", "batch", "polls"]);

let defaultPort: CompletionPort | undefined;

/** What a port is behind its public face; undefined for what is no port. Not for programs. */
export let coreOf: (port: unknown) => Core | undefined;

/**
 * A completion port: one engine, on the thread that made it. Sockets and listeners belong to one; most programs use
 * {@link CompletionPort.default} without naming it.
 */
export class CompletionPort {
  /** This thread's own completion port, opened on first use. */
  static get default(): CompletionPort {
    if (!defaultPort || defaultPort.closed) defaultPort = new CompletionPort();
    return defaultPort;
  }

  /** Posts a value (a structured clone of it) to an open completion port of any thread. Unknown: `ENOENT`. */
  static post(id: number, value: unknown): void {
    checkInteger("id", id, 0, 0xffffffff);
    post(id, value);
  }

  /** The number by which other threads post to it. */
  readonly id: number;
  readonly backend: BackendName;
  readonly waker: "loop" | "thread";
  readonly #core: Core;

  /** Throws a {@link PortsideError} that says what is missing to open it (`EMFILE`, `ENOMEM`, `EAGAIN`: no thread). */
  constructor(options: CompletionPortOptions = {}) {
    checkOptions(options, portOptionNames);
    const backend = backendOf(options.backend);
    const batch = integerOf("options.batch", options.batch, 64, 1, 1024);
    const polls = integerOf("options.polls", options.polls, 3, 1, 64);
    const loop = wakerOf(options.waker) === "loop";
    system.raiseDescriptorLimit();
    this.#core = new Core({ backend, loop, batch, polls });
    this.id = this.#core.id;
    this.backend = backend;
    this.waker = this.#core.loop ? "loop" : "thread";
  }

  /** True once close() was called. */
  get closed(): boolean {
    return this.#core.closed;
  }

  /** Posts a value (a structured clone of it) to this port: its `posted` listeners get it, in order, later. */
  post(value: unknown): void {
    if (this.closed) throw closedError("post", "completion port");
    post(this.#core.id, value);
  }

  /**
   * Posted values wait until there is a listener. A listener does not keep the process alive. `Value` is the type that
   * you say the values have; nothing checks them.
   */
  on<Value = unknown>(event: "posted", listener: (value: Value) => void): this {
    checkPosted(event, listener);
    this.#core.on(listener as (value: unknown) => void);
    return this;
  }

  off<Value = unknown>(event: "posted", listener: (value: Value) => void): this {
    checkPosted(event, listener);
    this.#core.off(listener as (value: unknown) => void);
    return this;
  }

  /** A reusable operation object. */
  operation(onComplete: OperationHandler): Operation {
    if (typeof onComplete !== "function") throw typeError("onComplete", "a function", onComplete);
    if (this.closed) throw closedError("operation", "completion port");
    return makeOperation(this.#core, onComplete);
  }

  stats(): PortStats {
    const core = this.#core;
    const native = core.stats;
    return {
      backend: this.backend,
      waker: this.waker,
      ...native,
      posted: core.posted,
      bytesDropped: native.bytesDropped + core.dropped,
      descriptorLimit: system.descriptorLimit(),
      residentMemory: system.ownResidentMemory(),
    };
  }

  /** Its handles and operations keep the process alive, which is the default. */
  ref(): this {
    this.#core.native.setReferenced(true);
    return this;
  }

  unref(): this {
    this.#core.native.setReferenced(false);
    return this;
  }

  /** Closes every handle of the port, cancels every operation, then the port. A second call is harmless. */
  close(): Promise<void> {
    return this.#core.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Its number, state and figures. */
  toJSON(): object {
    const { handles, operations } = this.#core.stats;
    return {
      type: "CompletionPort",
      id: this.id,
      backend: this.backend,
      waker: this.waker,
      state: this.closed ? "closed" : "open",
      handles,
      operations,
    };
  }

  [inspect.custom](depth: number, options: InspectOptions): string {
    return inspectAs("CompletionPort", #core in this ? this.toJSON() : undefined, depth, options);
  }

  static {
    coreOf = (port) => (typeof port === "object" && port !== null && #core in port ? port.#core : undefined);
  }
}

function checkPosted(event: unknown, listener: unknown): void {
  if (event !== "posted") throw valueError("event", 'must be "posted"', event);
  if (typeof listener !== "function") throw typeError("listener", "a function", listener);
}

function backendOf(option: unknown): BackendName {
  const name = option ?? variable("PORTSIDE_BACKEND") ?? addon.backends[0];
  if (typeof name !== "string") throw typeError("options.backend", "a backend's name", name);
  if (!addon.backends.includes(name)) {
    throw valueError("backend", `must be one that this system has (${addon.backends.join(", ")})`, name);
  }
  return name as BackendName;
}

function wakerOf(option: unknown): "loop" | "thread" {
  const name = option ?? variable("PORTSIDE_WAKER") ?? (system.loopIsNestable() ? "loop" : "thread");
  if (name !== "loop" && name !== "thread") throw valueError("waker", 'must be "loop" or "thread"', name);
  return name;
}
