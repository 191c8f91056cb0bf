import { Worker } from "node:worker_threads";
import {
  CompletionPort,
  connect,
  listen,
  type SocketOptions,
  type TcpListener,
  type TcpSocket,
} from "portside";
import { expect } from "vitest";
import { type NetPeer, netClient, netServer } from "./peers.js";
import { type ProgramResult, run } from "./programs.js";
import { Recorder } from "./recorder.js";
import type { Scope } from "./scope.js";
import { deferred, event } from "./wait.js";

export interface PushConnection {
  readonly socket: TcpSocket;
  readonly peer: NetPeer;
  readonly recorder: Recorder;
}

type OpenPush = (scope: Scope, recorder?: Recorder, options?: SocketOptions) => Promise<PushConnection>;

/** A listener whose handlers are the recorder's, and its first connection, of which the recorder knows then. */
async function listenForOne(
  recorder: Recorder,
  options: SocketOptions,
): Promise<{ listener: TcpListener; opened: Promise<TcpSocket> }> {
  const opened = deferred<TcpSocket>();
  const open = (socket: TcpSocket) => {
    opened.resolve(socket);
    recorder.handlers.open?.(socket);
  };
  const listener = await listen({ ...options, host: "127.0.0.1" }, { ...recorder.handlers, open });
  return { listener, opened: opened.promise };
}

/** An accepted push-style socket whose handlers are the recorder's, and its client played by node:net. */
export const pushAccepted: OpenPush = async (scope, recorder = new Recorder(), options = {}) => {
  const { listener, opened } = await listenForOne(recorder, options);
  const [socket, peer] = await Promise.all([opened, netClient(scope, listener.address.port)]);
  await listener.close();
  return { socket: scope.use(socket), peer, recorder };
};

/** A connected push-style socket whose handlers are the recorder's, and the server played by node:net. */
export const pushConnected: OpenPush = async (scope, recorder = new Recorder(), options = {}) => {
  const server = await netServer(scope);
  const [peer, socket] = await Promise.all([
    server.accept(),
    connect({ ...options, host: "127.0.0.1", port: server.port }, recorder.handlers),
  ]);
  server.close();
  return { socket: scope.use(socket), peer, recorder };
};

/** Both ways to come by a push-style socket, for describe.each: the rules are the same for both. */
export const sides: { side: string; open: OpenPush }[] = [
  { side: "an accepted socket", open: pushAccepted },
  { side: "a connected socket", open: pushConnected },
];

/**
 * A push-style socket (accepted) and its client: Portside in pull style, which reads only when asked to and
 * whose buffers are as small as the socket's, so that `narrow` options let writes stall.
 */
export async function pushPair(
  scope: Scope,
  recorder: Recorder,
  options: SocketOptions = {},
): Promise<{ socket: TcpSocket; client: TcpSocket }> {
  const { listener, opened } = await listenForOne(recorder, options);
  const { borrow: _, ...clientOptions } = options;
  // Its own, and not the first that the recorder sees: others may be made with the same recorder meanwhile.
  const [socket, client] = await Promise.all([
    opened,
    connect({ ...clientOptions, host: "127.0.0.1", port: listener.address.port }),
  ]);
  await listener.close();
  return { socket: scope.use(socket), client: scope.use(client) };
}

/** A push-style listener that sends everything back, with back-pressure. */
export async function echoListener(scope: Scope, options: SocketOptions = {}): Promise<TcpListener> {
  return scope.use(
    await listen(
      { ...options, host: "127.0.0.1" },
      {
        data(socket, chunk) {
          if (!socket.write(chunk)) socket.pause();
        },
        drain(socket) {
          socket.resume();
        },
      },
    ),
  );
}

/** One connection through a listener of its own, which must go on echoing whatever else is done wrong. */
export class Bystander {
  readonly #peer: NetPeer;
  #round = 0;

  private constructor(peer: NetPeer) {
    this.#peer = peer;
  }

  static async start(scope: Scope): Promise<Bystander> {
    const listener = await echoListener(scope);
    const bystander = new Bystander(await netClient(scope, listener.address.port));
    await bystander.check();
    return bystander;
  }

  /** One round trip. */
  async check(): Promise<void> {
    const message = `round ${this.#round++};`;
    await this.#peer.write(message);
    expect((await this.#peer.read(message.length)).toString()).toBe(message);
  }
}

/** One round trip through an echoing socket. */
export async function roundTrip(peer: NetPeer, message = "ping"): Promise<void> {
  await peer.write(message);
  expect((await peer.read(Buffer.byteLength(message))).toString()).toBe(message);
}

/** Open sockets and listeners of this thread's default port. */
export function openHandles(): number {
  return CompletionPort.default.stats().handles;
}

/** Reads on and says how the connection ends: with the peer's FIN or with anything worse. */
export async function howItEnds(peer: NetPeer): Promise<"end" | "reset"> {
  try {
    await peer.readToEnd();
    return "end";
  } catch {
    return "reset";
  }
}

/**
 * A thread of node:net clients, each of which sends to the port as fast as it can and reads nothing. Resolves
 * when all are connected; they end with the scope.
 */
export async function flood(scope: Scope, port: number, clients: number): Promise<void> {
  const thread = new Worker(
    `const { workerData: { port, clients }, parentPort } = require("node:worker_threads");
     const chunk = Buffer.alloc(65536, "flood");
     let connected = 0;
     for (let index = 0; index < clients; index++) {
       const socket = require("node:net").connect({ host: "127.0.0.1", port });
       const fill = () => { while (socket.write(chunk)); };
       socket.on("error", () => {});
       socket.on("drain", fill);
       socket.on("connect", () => {
         fill();
         if (++connected === clients) parentPort.postMessage("connected");
       });
     }`,
    { eval: true, workerData: { port, clients } },
  );
  scope.defer(() => thread.terminate());
  await event(thread, "message");
}

/**
 * A program of test/programs/ that connects back to the test, reports there in lines of JSON, and obeys lines of
 * text. (Pipes do not work everywhere, see programs.ts.) Its first argument is the port to connect to.
 */
export class Controlled {
  readonly #peer: NetPeer;
  readonly #end: Promise<ProgramResult>;
  readonly #reports: Report[] = [];
  #rest = "";

  private constructor(peer: NetPeer, end: Promise<ProgramResult>) {
    this.#peer = peer;
    this.#end = end;
  }

  static async start(scope: Scope, name: string, args: readonly string[] = []): Promise<Controlled> {
    const server = await netServer(scope);
    const end = run(name, { args: [String(server.port), ...args] });
    scope.defer(() => end.catch(() => {}));
    const peer = await Promise.race([server.accept(), untimely(end)]);
    return new Controlled(peer, end);
  }

  /** All that it has reported so far. */
  get reports(): readonly Report[] {
    return this.#reports;
  }

  async tell(command: string): Promise<void> {
    await this.#peer.write(`${command}\n`);
  }

  /** The first report, past or to come, that has the key and was not given before. */
  async report<T>(key: string): Promise<T> {
    for (;;) {
      const index = this.#reports.findIndex((report) => key in report && !report.given);
      if (index >= 0) {
        this.#reports[index]!.given = true;
        return this.#reports[index]![key] as T;
      }
      const chunk = await Promise.race([this.#peer.next(), untimely(this.#end)]);
      if (chunk === null) throw new Error(`the program left before it reported ${key}`);
      const lines = (this.#rest + chunk.toString()).split("\n");
      this.#rest = lines.pop()!;
      for (const line of lines) this.#reports.push(JSON.parse(line) as Report);
    }
  }

  /** Waits for its end, which must be a clean one. */
  async ended(): Promise<void> {
    await this.#peer.end();
    const { code, signal, stderr } = await this.#end;
    expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: "" });
  }
}

type Report = Record<string, unknown> & { given?: boolean };

async function untimely(end: Promise<ProgramResult>): Promise<never> {
  const { code, signal, stdout, stderr } = await end;
  throw new Error(`the program ended too early (${code ?? signal})\n${stdout}\n${stderr}`);
}
