import { connect, type IpAddress, listen, type SocketHandlers, type TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { hasIpv6, type NetPeer, netClient, netServer } from "../support/peers.js";
import { Recorder } from "../support/recorder.js";
import { Scope } from "../support/scope.js";
import { deferred, turns } from "../support/wait.js";

interface Connection {
  readonly socket: TcpSocket;
  readonly peer: NetPeer;
}

/** Whether a socket was accepted or connected, at which host, and as what the host shows. */
interface Way {
  readonly way: string;
  open(scope: Scope, handlers: SocketHandlers | undefined): Promise<Connection>;
}

function acceptedAt(host: string, client: string): Way["open"] {
  return async (scope, handlers) => {
    const opened = deferred<TcpSocket>();
    const listener = scope.use(
      await listen(
        { host },
        handlers && {
          ...handlers,
          open(socket) {
            handlers.open?.(socket);
            opened.resolve(socket);
          },
        },
      ),
    );
    const [socket, peer] = await Promise.all([
      handlers ? opened.promise : listener.accept(),
      netClient(scope, listener.address.port, client),
    ]);
    return { socket: scope.use(socket), peer };
  };
}

function connectedAt(host: string): Way["open"] {
  return async (scope, handlers) => {
    const server = await netServer(scope, host);
    const [peer, socket] = await Promise.all([
      server.accept(),
      connect({ host, port: server.port }, handlers),
    ]);
    return { socket: scope.use(socket), peer };
  };
}

const ways: Way[] = [
  { way: "accepted over IPv4", open: acceptedAt("127.0.0.1", "127.0.0.1") },
  { way: "connected over IPv4", open: connectedAt("127.0.0.1") },
];
if (hasIpv6) {
  ways.push(
    { way: "accepted over IPv6", open: acceptedAt("::1", "::1") },
    { way: "connected over IPv6", open: connectedAt("::1") },
    { way: "accepted over IPv4 by a listener of both", open: acceptedAt("::", "127.0.0.1") },
  );
}

const endings: [string, (connection: Connection) => unknown][] = [
  ["close()", ({ socket }) => socket.close()],
  ["reset()", ({ socket }) => socket.reset()],
  ["the peer's FIN", ({ peer }) => peer.end()],
  ["the peer's reset", ({ peer }) => peer.reset()],
];

interface Ends {
  readonly local: IpAddress | undefined;
  readonly remote: IpAddress | undefined;
}

const endsOf = (socket: TcpSocket): Ends => ({ local: socket.localAddress, remote: socket.remoteAddress });

/** What the peer says: its own end is our remote one. */
function told(peer: NetPeer): { local: number; remote: number } {
  return { local: peer.socket.remotePort!, remote: peer.socket.localPort! };
}

describe.each(ways)("the addresses of a socket $way", ({ open }) => {
  it.each(endings)("answer in every handler and afterwards, in push style, after %s", async (_, end) => {
    await using scope = new Scope();
    const seen: [string, Ends][] = [];
    const note = (name: string) => (socket: TcpSocket) => void seen.push([name, endsOf(socket)]);
    const recorder = new Recorder(
      { open: note("open"), data: note("data"), error: note("error"), close: note("close") },
      ["end"],
    );
    const connection = await open(scope, recorder.handlers);
    const ports = told(connection.peer);
    await connection.peer.write("hello");
    await recorder.received(5);
    const [, first] = seen[0]!;
    expect({ local: first.local!.port, remote: first.remote!.port }).toEqual(ports);
    await end(connection);
    await recorder.next("close");
    await turns();
    seen.push(["afterwards", endsOf(connection.socket)]);
    const names = seen.map(([name]) => name);
    expect(names.slice(-2)).toEqual(["close", "afterwards"]);
    expect(names.includes("error")).toBe(end === endings[3]![1]);
    for (const [name, ends] of seen) expect(ends, name).toEqual(first);
  });

  it.each(endings)("answer at any time, in pull style, after %s", async (_, end) => {
    await using scope = new Scope();
    const connection = await open(scope, undefined);
    const { socket } = connection;
    const ports = told(connection.peer);
    const first = endsOf(socket);
    expect({ local: first.local!.port, remote: first.remote!.port }).toEqual(ports);
    const receiving = socket.recv().catch(() => null);
    await end(connection);
    await receiving;
    expect(endsOf(socket), "once the end is known").toEqual(first);
    const closing = socket.close();
    expect(endsOf(socket), "while it closes").toEqual(first);
    await closing;
    expect(endsOf(socket), "afterwards").toEqual(first);
    await turns();
    expect(endsOf(socket), "later").toEqual(first);
  });

  it("answer after a reset that came before anybody had asked", async () => {
    await using scope = new Scope();
    const seen: Ends[] = [];
    const recorder = new Recorder({
      error: (socket) => void seen.push(endsOf(socket)),
      close: (socket) => void seen.push(endsOf(socket)),
    });
    const { socket, peer } = await open(scope, recorder.handlers);
    const ports = told(peer);
    await peer.reset();
    await recorder.next("close");
    seen.push(endsOf(socket));
    expect(seen).toHaveLength(3);
    for (const { local, remote } of seen) expect({ local: local!.port, remote: remote!.port }).toEqual(ports);
  });

  it("do not become those of a later connection that has its place", async () => {
    await using scope = new Scope();
    const first = await open(scope, undefined);
    const ports = told(first.peer);
    await first.peer.end();
    await first.socket.close();
    for (let round = 0; round < 5; round++) await open(scope, undefined);
    const { local, remote } = endsOf(first.socket);
    expect({ local: local!.port, remote: remote!.port }).toEqual(ports);
  });
});
