import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const require = createRequire(import.meta.url);

/** In front of each program. */
const imports = `
import {
  connect, listen, CompletionPort, type CompletionPortOptions, type ConnectOptions, type ListenHandlers,
  type ListenOptions, type Operation, type PortsideError, type PortStats, type ReceiveOptions, type SendData,
  type SignalOptions, type SocketHandlers, type SocketOptions, type TcpListener, type TcpSocket,
} from ${JSON.stringify(join(root, "dist/src/index.js"))};
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function holds<_ extends true>(): void {}
declare const socket: TcpSocket;
`;

/** Programs of users who check the declarations of what they use as well. A line under @ts-expect-error has to fail. */
const programs: Record<string, string> = {
  "a small server and client": `
const listener = await listen({ port: 0 }, { data: (socket: TcpSocket, chunk) => void socket.write(chunk) });
await using client = await connect({ host: "localhost", port: listener.address.port });
await client.send("hello");
for await (const chunk of client) process.stdout.write(chunk);
`,
  "options and handlers that may be undefined pass through": `
interface Config {
  host: string | undefined; port: number | undefined; highWaterMark: number | undefined;
  signal: AbortSignal | undefined; port4: CompletionPort | undefined; batch: number | undefined;
  onEnd: ((socket: TcpSocket) => void) | undefined; onShort: ListenHandlers["shortage"]; size: number | undefined;
}
declare const config: Config;
const { host, highWaterMark, signal, batch, size } = config;
const shared: SocketOptions = {
  highWaterMark, noDelay: undefined, keepAlive: undefined, receiveBufferSize: undefined, sendBufferSize: undefined,
  borrow: undefined, completionPort: config.port4, unbufferedSends: undefined,
};
const listening: ListenOptions = {
  ...shared, host, port: config.port, signal, backlog: undefined, ipv6Only: undefined, reusePort: undefined,
  acceptData: undefined, acceptTimeout: undefined, acceptLowWaterMark: undefined, acceptHighWaterMark: undefined,
  reuseSockets: undefined, family: undefined, lookup: undefined,
};
const connecting: ConnectOptions = {
  ...shared, host, port: 80, signal, family: undefined, localAddress: undefined, localPort: undefined,
  timeout: undefined, attemptDelay: undefined, lookup: undefined,
};
const handlers: ListenHandlers = {
  open: undefined, data: undefined, drain: undefined, end: config.onEnd, error: undefined, close: undefined,
  shortage: config.onShort,
};
await listen(listening, handlers);
await connect(connecting, handlers);
await connect(connecting, undefined);
const port: CompletionPortOptions = { backend: undefined, waker: undefined, batch, polls: undefined };
new CompletionPort(port);
const receiving: ReceiveOptions = { size, signal };
const signalled: SignalOptions = { signal };
await socket.recv(receiving);
await socket.recvInto(new Uint8Array(1), signalled);
await socket.send("x", { signal });
await socket.shutdown({ signal });
await socket.drained({ signal });
`,
  "chunks are Uint8Array<ArrayBuffer>": `
const chunk = await socket.recv();
holds<Same<typeof chunk, Uint8Array<ArrayBuffer> | null>>();
for await (const each of socket) holds<Same<typeof each, Uint8Array<ArrayBuffer>>>();
const handlers: SocketHandlers = {
  data(its, bytes) {
    holds<Same<typeof bytes, Uint8Array<ArrayBuffer>>>();
    holds<Same<typeof its, TcpSocket>>();
    const memory: ArrayBuffer = bytes.buffer;
    structuredClone(memory, { transfer: [memory] });
  },
};
await listen({}, handlers);
`,
  "socket.data has the type that listen() or connect() is given": `
interface Session { name: string; messages: number }
const listener = await listen<Session>({}, {
  open(its) { its.data = { name: "new", messages: 0 }; },
  data(its, chunk) {
    its.data.messages++;
    holds<Same<typeof its.data, Session>>();
    its.write(chunk);
  },
  drain: (its) => void its.data.name.length,
  end: (its) => void its.data.name.length,
  error: (its, error) => console.log(its.data.name, error.code),
  close: (its) => console.log(its.data.name),
  shortage: (its) => holds<Same<typeof its, TcpListener<Session>>>(),
});
holds<Same<typeof listener, TcpListener<Session>>>();
const accepted = await listener.accept();
holds<Same<typeof accepted.data, Session>>();
for await (const each of listener) holds<Same<typeof each.data, Session>>();
const client = await connect<Session>({ port: 1 }, {
  open(its) { its.data = { name: "client", messages: 0 }; },
  data: (its) => void its.data.messages++,
});
holds<Same<typeof client, TcpSocket<Session>>>();
const handlers: SocketHandlers<Session> = { close: (its) => console.log(its.data.name) };
holds<Same<Awaited<ReturnType<typeof connect<Session>>>, TcpSocket<Session>>>();
const inferred = await connect({ port: 1 }, handlers);
holds<Same<typeof inferred.data, Session>>();
// One that does not care takes any.
const name = (its: TcpSocket): string => its.remoteAddress?.address ?? "";
name(client);
const everybody = new Set<TcpSocket>([client, accepted]);
everybody.add(socket);
// @ts-expect-error: a session has no such property
client.data.nmae;
// @ts-expect-error: a session is more than that
client.data = { name: "half a session" };
// Without a type it is unknown, and has to be looked at.
const plain = await connect({ port: 1 });
holds<Same<typeof plain.data, unknown>>();
// @ts-expect-error: unknown
plain.data.name;
`,
  "send(), write() and end() take any view, an ArrayBuffer, text, and lists of them": `
const all: SendData[] = [
  "text", new Uint8Array(1), Buffer.from("x"), new Float64Array(1), new BigInt64Array(1), new Int8Array(1),
  new DataView(new ArrayBuffer(1)), new ArrayBuffer(1), new Uint8Array(new SharedArrayBuffer(1)),
  ["text", new Uint8Array(1), new DataView(new ArrayBuffer(1)), new ArrayBuffer(1)],
];
declare const view: ArrayBufferView;
declare const frozen: readonly (ArrayBufferView | ArrayBuffer | string)[];
const operation: Operation = CompletionPort.default.operation((error, result) => console.log(error?.code, result));
for (const data of [...all, view, frozen]) {
  const sent: number = await socket.send(data);
  const more: boolean = socket.write(data);
  socket.end(data).end();
  operation.send(socket, data);
  console.log(sent, more);
}
await socket.recvInto(view);
operation.recv(socket, view);
// @ts-expect-error: no data
socket.write(7);
// @ts-expect-error: no data
await socket.send({ length: 1 });
// @ts-expect-error: no data
await socket.send([1, 2]);
`,
  "posted values have the type that the program says": `
declare const port: CompletionPort;
const stop = (command: { stop: boolean }): void => console.log(command.stop);
port.on("posted", stop).off("posted", stop);
port.on<number>("posted", (value) => value.toFixed());
port.on("posted", (value) => holds<Same<typeof value, unknown>>());
// @ts-expect-error: not the type that was said
port.on<number>("posted", stop);
`,
  "what is not public has no type either": `
declare const port: CompletionPort;
declare const listener: TcpListener;
// @ts-expect-error: private
socket.owner;
// @ts-expect-error: private
port.rings;
// @ts-expect-error: private
port.native;
// @ts-expect-error: private
listener.owner;
const stats: PortStats = port.stats();
const dropped: number = stats.bytesDropped;
const error = (its: PortsideError): [string, number | undefined] => [its.code, its.errno];
console.log(dropped, error);
`,
};

const strict = "--noEmit --strict --noUncheckedIndexedAccess --target es2022 --module nodenext --types node";
const configurations: [string, string][] = [
  [
    "without the DOM library, with exactOptionalPropertyTypes",
    `${strict} --lib es2023,esnext.disposable --exactOptionalPropertyTypes --noPropertyAccessFromIndexSignature`,
  ],
  ["with the DOM library", `${strict} --lib es2023,esnext.disposable,dom,dom.iterable`],
];

/** What the compiler says of all programs, each in a file of its own. */
function compile(flags: string): string {
  // Below the root, where @types/node is found.
  const folder = mkdtempSync(join(root, "node_modules", ".portside-types-"));
  try {
    const files = Object.values(programs).map((program, index) => {
      const file = join(folder, `program${index}.mts`);
      writeFileSync(file, imports + program);
      return file;
    });
    const tsc = join(dirname(require.resolve("typescript/package.json")), "bin", "tsc");
    const { stdout, stderr, status } = spawnSync(process.execPath, [tsc, ...flags.split(" "), ...files], {
      encoding: "utf8",
    });
    const end = status === 0 ? "" : `tsc ended with ${status}`;
    return `${stdout}${stderr}${end}`.replaceAll(folder, "");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe("the declarations, for a strict user without skipLibCheck,", () => {
  it.each(configurations)(
    "%s",
    (_, flags) => {
      const said = compile(flags);
      const names = Object.keys(programs);
      const readable = said.replaceAll(/\S*program(\d+)\.mts/g, (_, index) => `"${names[Number(index)]}"`);
      expect(readable).toBe("");
    },
    120_000,
  );
});
