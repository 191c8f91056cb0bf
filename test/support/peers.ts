import { createServer, connect as netConnect, type Server, type Socket } from "node:net";
import { Worker } from "node:worker_threads";
import { connect, type IpAddress, listen, PortsideError, type SocketOptions, type TcpSocket } from "portside";
import type { Scope } from "./scope.js";
import { deferred, event, turns } from "./wait.js";

/** The other side of a connection, played by node:net: half-open, and reading only when asked to. */
export class NetPeer {
  readonly socket: Socket;
  /** Resolves when the socket is gone, with the code of its error ("" without one). */
  readonly closed: Promise<string>;
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.socket = socket;
    let code = "";
    socket.on("error", (error: NodeJS.ErrnoException) => {
      code = error.code ?? error.message;
    });
    this.closed = event(socket, "close").then(() => code);
    this.#chunks = socket.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>;
  }

  /** Whatever comes next, at least one byte; null at the end of the stream. */
  async next(): Promise<Buffer | null> {
    if (this.#rest.length > 0) {
      const rest = this.#rest;
      this.#rest = Buffer.alloc(0);
      return rest;
    }
    const { done, value } = await this.#chunks.next();
    return done ? null : (value as Buffer);
  }

  /** Exactly `length` bytes. */
  async read(length: number): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let missing = length;
    while (missing > 0) {
      const chunk = await this.next();
      if (chunk === null) throw new Error(`the stream ended ${missing} of ${length} bytes early`);
      chunks.push(chunk.subarray(0, missing));
      this.#rest = chunk.subarray(missing);
      missing -= Math.min(missing, chunk.length);
    }
    return Buffer.concat(chunks);
  }

  /** Everything up to the peer's FIN. */
  async readToEnd(): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for (let chunk = await this.next(); chunk !== null; chunk = await this.next()) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  /** Resolves when the operating system has taken everything. */
  write(data: Uint8Array | string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.socket.write(data, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** Sends FIN after everything written. */
  end(): Promise<void> {
    return new Promise((resolve) => {
      this.socket.end(resolve);
    });
  }

  /** Sends RST. */
  async reset(): Promise<void> {
    this.socket.resetAndDestroy();
    await this.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy();
    await this.closed;
  }
}

/** A listener played by node:net. */
export class NetServer {
  readonly port: number;
  readonly #server: Server;
  readonly #waiting: NetPeer[] = [];
  readonly #wanted: ((peer: NetPeer) => void)[] = [];

  constructor(server: Server, scope: Scope) {
    this.#server = server;
    this.port = (server.address() as IpAddress).port;
    server.on("connection", (socket) => {
      const peer = scope.use(new NetPeer(socket));
      const wanted = this.#wanted.shift();
      if (wanted) wanted(peer);
      else this.#waiting.push(peer);
    });
  }

  /** The next accepted connection. */
  accept(): Promise<NetPeer> {
    const peer = this.#waiting.shift();
    if (peer) return Promise.resolve(peer);
    const wanted = deferred<NetPeer>();
    this.#wanted.push(wanted.resolve);
    return wanted.promise;
  }

  /** Stops listening; accepted connections go on. */
  close(): void {
    this.#server.close();
  }
}

export async function netServer(scope: Scope, host = "127.0.0.1"): Promise<NetServer> {
  const server = createServer({ allowHalfOpen: true });
  server.listen({ host, port: 0 });
  await event(server, "listening");
  scope.defer(() => {
    server.close();
  });
  return new NetServer(server, scope);
}

export async function netClient(scope: Scope, port: number, host = "127.0.0.1"): Promise<NetPeer> {
  const socket = netConnect({ host, port, allowHalfOpen: true });
  const peer = scope.use(new NetPeer(socket));
  const failed = peer.closed.then((code) => {
    throw new Error(`node:net could not connect: ${code}`);
  });
  failed.catch(() => {});
  await Promise.race([event(socket, "connect"), failed]);
  return peer;
}

/** An accepted Portside socket in pull style, and its client played by node:net. */
export async function accepted(
  scope: Scope,
  options: SocketOptions = {},
): Promise<{ socket: TcpSocket; peer: NetPeer }> {
  const listener = await listen({ ...options, host: "127.0.0.1" });
  const [socket, peer] = await Promise.all([listener.accept(), netClient(scope, listener.address.port)]);
  await listener.close();
  return { socket: scope.use(socket), peer };
}

/** A connected Portside socket in pull style, and the server played by node:net. */
export async function connected(
  scope: Scope,
  options: SocketOptions = {},
): Promise<{ socket: TcpSocket; peer: NetPeer }> {
  const server = await netServer(scope);
  const [peer, socket] = await Promise.all([
    server.accept(),
    connect({ ...options, host: "127.0.0.1", port: server.port }),
  ]);
  server.close();
  return { socket: scope.use(socket), peer };
}

/** Buffer sizes with which a send of STALLING_SIZE bytes cannot complete while the other side does not read. */
export const narrow: SocketOptions = { sendBufferSize: 65_536, receiveBufferSize: 65_536 };

/** More bytes than any kernel keeps on the way between two `narrow` sockets. */
export const STALLING_SIZE = 8 * 1024 * 1024;

/** A connection with Portside, pull style, on both ends. */
export async function pair(
  scope: Scope,
  options: SocketOptions = {},
): Promise<{ client: TcpSocket; server: TcpSocket }> {
  const listener = await listen({ ...options, host: "127.0.0.1" });
  const [server, client] = await Promise.all([
    listener.accept(),
    connect({ ...options, host: "127.0.0.1", port: listener.address.port }),
  ]);
  await listener.close();
  return { client: scope.use(client), server: scope.use(server) };
}

/**
 * A port that refuses every connect at `hosts` until the scope ends: the local end of a connection has it, so that the
 * system gives it to nobody else meanwhile, neither to listen nor to connect from.
 */
export async function refusingPort(scope: Scope, ...hosts: string[]): Promise<number> {
  const [first = "127.0.0.1", ...others] = hosts;
  const port = await holdPort(scope, first, 0);
  for (const host of others) {
    // Taken at that address: some other port, then.
    if ((await holdPort(scope, host, port)) === 0) return await refusingPort(scope, ...hosts);
  }
  return port;
}

/** Connects from `localPort` of `host` (0: any) to a server there; the port that it holds now, 0 if it is taken. */
async function holdPort(scope: Scope, host: string, localPort: number): Promise<number> {
  const server = await netServer(scope, host);
  const socket = netConnect({ host, port: server.port, localAddress: host, localPort });
  const peer = scope.use(new NetPeer(socket));
  const taken = peer.closed.then((code) => {
    if (code !== "EADDRINUSE") throw new Error(`node:net could not connect: ${code}`);
    return 0;
  });
  taken.catch(() => {});
  const connected = Promise.all([server.accept(), event(socket, "connect")]).then(() => socket.localPort!);
  const held = await Promise.race([connected, taken]);
  server.close();
  return held;
}

/** Opens something on a free port of `host`, and on another one where somebody was faster. */
export async function onFreePort<T>(
  host: string,
  open: (port: number) => Promise<T>,
): Promise<{ opened: T; port: number }> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort(host);
    try {
      return { opened: await open(port), port };
    } catch (error) {
      if (attempt === 10 || !(error instanceof PortsideError) || error.code !== "EADDRINUSE") throw error;
    }
  }
}

async function freePort(host: string): Promise<number> {
  const server = createServer();
  server.listen({ host, port: 0 });
  await event(server, "listening");
  const { port } = server.address() as IpAddress;
  server.close();
  await event(server, "close");
  return port;
}

/** Windows refuses whom a full backlog has no room for; there nobody is asked who could answer (RFC 5737). */
const refusesBeyondBacklog = process.platform === "win32" && process.env.PORTSIDE_TEST_WINE === undefined;

/** An address to which a connect stays pending, and a port of it that is free on all others. */
export async function stalledEndpoint(scope: Scope): Promise<{ host: string; port: number }> {
  if (refusesBeyondBacklog) return { host: "192.0.2.1", port: await freePort("127.0.0.1") };
  return { host: "127.0.0.1", port: await stalledPort(scope) };
}

/**
 * A port of 127.0.0.1 whose backlog is full: a thread listens with a backlog of 1 and then stops taking part, and
 * more connections than any system queues were begun.
 */
async function stalledPort(scope: Scope): Promise<number> {
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const thread = new Worker(
    `const { workerData, parentPort } = require("node:worker_threads");
     const server = require("node:net").createServer();
     server.listen({ host: "127.0.0.1", port: 0, backlog: 1 }, () => {
       parentPort.postMessage(server.address().port);
       Atomics.wait(workerData, 0, 0);
       process.exit();
     });`,
    { eval: true, workerData: gate },
  );
  scope.defer(async () => {
    Atomics.store(gate, 0, 1);
    Atomics.notify(gate, 0);
    await thread.terminate();
  });
  const port = await event<number>(thread, "message");
  for (let count = 0; count < 48; count++) {
    const filler = netConnect({ host: "127.0.0.1", port });
    filler.on("error", () => {});
    scope.defer(() => {
      filler.destroy();
    });
  }
  // node:net calls connect() in the next tick only; the caller's own connect must come after the fillers'.
  await turns(1);
  return port;
}

/** False on a machine whose loopback has no IPv6. */
export const hasIpv6: boolean = await new Promise((resolve) => {
  const server = createServer();
  server.on("error", () => resolve(false));
  server.listen({ host: "::1", port: 0 }, () => {
    server.close(() => resolve(true));
  });
});
