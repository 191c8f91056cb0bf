// Makes one thing active, refers to it in one way, and waits without keeping the process alive itself.
// Prints "alive" when it still runs after a while.
import { CompletionPort, connect, listen } from "../../dist/src/index.js";

const [kind, mode] = process.argv.slice(2);
const host = "127.0.0.1";
const port = CompletionPort.default;

async function connection(handlers) {
  const listener = await listen({ host });
  const pair = await Promise.all([
    listener.accept(),
    connect({ host, port: listener.address.port }, handlers),
  ]);
  await listener.close();
  return pair;
}

const kinds = {
  async "a listener with handlers"() {
    return [await listen({ host }, { open() {} })];
  },
  async "a listener beside one that was closed after its unref()"() {
    const [closed, open] = await Promise.all([
      listen({ host }, { open() {} }),
      listen({ host }, { open() {} }),
    ]);
    await closed.unref().close();
    return [open];
  },
  async "a pending accept"() {
    const listener = await listen({ host });
    listener.accept().catch(() => {});
    return [listener];
  },
  async "a pending receive"() {
    const [server, client] = await connection();
    client.recv().catch(() => {});
    return [server, client];
  },
  async "a connection with handlers"() {
    return connection({ data() {} });
  },
  async "a pending send"() {
    const [server, client] = await connection();
    client.send(new Uint8Array(16 * 1024 * 1024)).catch(() => {});
    return [server, client];
  },
  async "a timer"() {
    port.operation(() => {}).timer(1_000_000);
    return [port];
  },
};

const handles = await kinds[kind]();
for (const handle of handles) {
  if (mode === "unref" || mode === "unref and ref") handle.unref();
  if (mode === "unref and ref") handle.ref();
}
if (mode === "unref of the port") port.unref();

// Long enough for a process that ends by itself to do so, whatever else the machine does: when it must end,
// only a failure has to wait for this.
const patience = mode.startsWith("unref") && mode !== "unref and ref" ? 10_000 : 200;
setTimeout(() => {
  process.stdout.write("alive");
  process.exit(0);
}, patience).unref();
