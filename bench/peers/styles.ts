// The same echo server in every style that has its own cost. The load keeps one message in flight per
// connection, so that none of them ever has more to send than it just received.
import { once } from "node:events";
import net from "node:net";
import { type ListenHandlers, type ListenOptions, listen, type TcpSocket } from "../../src/index.js";

// The load generator spreads its connections over several loopback addresses.
const endpoint = { host: "0.0.0.0", port: 0, backlog: 4096 } satisfies ListenOptions;

const echo: ListenHandlers = {
  data(socket, chunk) {
    socket.write(chunk);
  },
  error() {}, // the load generator breaks connections off when it ends
};

async function handlers(): Promise<number> {
  return (await listen(endpoint, echo)).address.port;
}

async function borrow(): Promise<number> {
  return (await listen({ ...endpoint, borrow: true }, echo)).address.port;
}

async function echoUntilEnd(socket: TcpSocket): Promise<void> {
  try {
    for (let chunk = await socket.recv(); chunk !== null; chunk = await socket.recv())
      await socket.send(chunk);
  } catch {
    // a reset, see above
  }
  await socket.close();
}

async function promises(): Promise<number> {
  const listener = await listen(endpoint);
  const acceptAll = async () => {
    for await (const socket of listener) void echoUntilEnd(socket);
  };
  void acceptAll();
  return listener.address.port;
}

async function nodeNet(): Promise<number> {
  const server = net.createServer({ noDelay: true }, (socket) => {
    socket.on("data", (chunk) => socket.write(chunk));
    socket.on("error", () => {});
  });
  server.listen(endpoint);
  await once(server, "listening");
  return (server.address() as net.AddressInfo).port;
}

const styles = { handlers, borrow, promises, net: nodeNet };

/** How an echo server is written. */
export type Style = keyof typeof styles;

export function isStyle(name: string): name is Style {
  return Object.hasOwn(styles, name);
}

/** Starts the echo server and returns its port. */
export function start(style: Style): Promise<number> {
  return styles[style]();
}
