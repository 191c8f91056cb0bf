// Does one thing and leaves nothing active behind; the process must then end without any help.
import { CompletionPort, connect, listen } from "../../dist/src/index.js";

const host = "127.0.0.1";

async function echo(port) {
  const options = port ? { completionPort: port } : {};
  const listener = await listen({ host, ...options });
  const [server, client] = await Promise.all([
    listener.accept(),
    connect({ host, port: listener.address.port, ...options }),
  ]);
  await client.send("ping");
  await server.send(await server.recv());
  await client.recv();
  await Promise.all([server.close(), client.close(), listener.close()]);
}

const things = {
  import() {},
  "look at the default port"() {
    if (CompletionPort.default.stats().handles !== 0) throw new Error("handles");
  },
  "make ports and forget them"() {
    for (let index = 0; index < 5; index++) new CompletionPort();
  },
  "listen for posted values"() {
    CompletionPort.default.on("posted", () => {});
    new CompletionPort().on("posted", () => {});
  },
  "post to oneself"() {
    CompletionPort.default.on("posted", () => {});
    CompletionPort.default.post("value");
  },
  "echo and close": () => echo(),
  "echo on an own port and close the sockets": () => echo(new CompletionPort()),
  async "echo with handlers and close"() {
    const listener = await listen({ host }, { data: (socket, chunk) => void socket.write(chunk) });
    await new Promise((resolve) => {
      void connect(
        { host, port: listener.address.port },
        {
          open: (socket) => void socket.write("ping"),
          data: (socket) => void socket.close(),
          close: resolve,
        },
      );
    });
    await listener.close();
  },
  async "fail to connect"() {
    const listener = await listen({ host });
    const { port } = listener.address;
    await listener.close();
    await connect({ host, port }).then(
      () => Promise.reject(new Error("connected")),
      () => {},
    );
  },
  async "let a timer pass"() {
    await new Promise((resolve) => CompletionPort.default.operation(resolve).timer(20));
  },
  async "cancel a timer"() {
    await new Promise((resolve) => {
      const operation = CompletionPort.default.operation(resolve);
      operation.timer(1_000_000);
      operation.cancel();
    });
  },
  async "cancel an accept"() {
    const listener = await listen({ host });
    const controller = new AbortController();
    const pending = listener.accept({ signal: controller.signal }).catch(() => {});
    controller.abort();
    await pending;
    await listener.close();
  },
  async "close a port with everything on it"() {
    const port = new CompletionPort();
    const listener = await listen({ host, completionPort: port });
    listener.accept().catch(() => {});
    const client = await connect({ host, port: listener.address.port, completionPort: port });
    client.recv().catch(() => {});
    port.operation(() => {}).timer(1_000_000);
    await port.close();
  },
  async "close a listener after its unref()"() {
    const listener = await listen({ host });
    listener.unref();
    await listener.close();
  },
  async "close both ends of a connection after their unref()"() {
    const listener = await listen({ host });
    const sockets = await Promise.all([listener.accept(), connect({ host, port: listener.address.port })]);
    for (const socket of sockets) await socket.unref().close();
    await listener.close();
  },
  async "unref() a socket that closes itself as soon as its peer has read"() {
    const close = () => {
      throw new Error("waited for its close");
    };
    let server;
    const open = (socket) => {
      server = socket;
    };
    const listener = await listen({ host }, { open, close });
    const client = await connect({ host, port: listener.address.port });
    while (!server) await new Promise(setImmediate);
    server.write(new Uint8Array(32 << 20));
    await client.shutdown();
    while (!server.closed) await new Promise(setImmediate);
    server.unref();
    client.unref();
    await listener.close();
  },
};

await things[process.argv[2]]();
process.on("exit", () => process.stdout.write("ended"));
