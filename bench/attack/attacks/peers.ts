import net from "node:net";
import { connect, type TcpSocket } from "../../../src/index.js";
import type { Arena } from "../arena.js";
import { sleep, within } from "../clock.js";

/** Peers that are rude: they reset, half-close, never read, or send byte by byte. */
export async function rudePeers(arena: Arena): Promise<void> {
  const { random } = arena;
  const listener = await arena.listener(random.chance(0.7) ? echoing(arena) : undefined);
  const clients = Array.from({ length: random.integer(1, 8) }, () => {
    const client = net.connect({ host: "127.0.0.1", port: listener.address.port, allowHalfOpen: true });
    watch(arena, client);
    client.once("connect", () => random.pick(rudeness)(arena, client));
    return client;
  });
  const served = await rudeServer(arena);
  // The port is free again at once, and somebody else takes it.
  if (random.chance(0.3)) {
    arena.call(listener, "close");
    arena.attempt("listen", () => arena.listener(echoing(arena), { port: listener.address.port }));
  }
  await sleep(random.integer(1, 40));
  for (const client of clients) client.destroy();
  served();
}

function echoing(arena: Arena) {
  return {
    data: (socket: TcpSocket, chunk: Uint8Array) => {
      arena.keep(socket);
      arena.inspect(chunk, "an attacker's listener");
      arena.call(socket, "write", chunk);
    },
  };
}

/** Portside as the client of such a peer, in a hurry. */
async function rudeServer(arena: Arena): Promise<() => void> {
  const { random } = arena;
  const server = net.createServer({ allowHalfOpen: true }, (peer) => {
    watch(arena, peer);
    random.pick(rudeness)(arena, peer);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  for (let count = random.integer(1, 6); count > 0; count--) {
    const controller = new AbortController();
    if (random.chance(0.4)) random.later(() => controller.abort());
    const hurry = random.chance(0.5) ? { timeout: 1 } : {};
    const options = {
      host: "127.0.0.1",
      port,
      completionPort: arena.port(),
      signal: controller.signal,
      ...hurry,
    };
    const connecting = connect(options, random.chance(0.5) ? echoing(arena) : undefined);
    arena.attempt("connect", () => connecting);
    void within(
      connecting.then((socket) => arena.call(socket, "write", "C".repeat(random.pick([1, 10_000, 300_000])))),
      1000,
    );
  }
  return () => server.close();
}

function watch(arena: Arena, peer: net.Socket): void {
  peer.on("error", () => {});
  peer.on("data", (chunk) => arena.inspect(chunk, "an attacker's peer"));
  // What has not ended by then is ended.
  peer.setTimeout(1000, () => peer.destroy());
}

type Rudeness = (arena: Arena, peer: net.Socket) => void;

const rudeness: readonly Rudeness[] = [
  (_, peer) => peer.resetAndDestroy(),
  (_, peer) => peer.end(),
  (_, peer) => peer.end("D".repeat(100_000)),
  (_, peer) => void peer.pause().write("E".repeat(500_000)),
  (arena, peer) => {
    peer.write("F".repeat(1000));
    arena.random.later(() => peer.resetAndDestroy(), 20);
  },
  (_, peer) => {
    peer.setNoDelay(true);
    for (let count = 0; count < 200; count++) peer.write("G");
  },
  (_, peer) => peer.destroy(),
  () => {},
];
