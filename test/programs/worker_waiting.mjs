// A worker in which an operation of every kind waits for ever, on its default port and on one of its own.
import { parentPort, workerData } from "node:worker_threads";
import { CompletionPort, connect, listen } from "../../dist/src/index.js";

const host = "127.0.0.1";
for (const completionPort of [CompletionPort.default, new CompletionPort()]) {
  const listener = await listen({ host, completionPort });
  const [server, client] = await Promise.all([
    listener.accept(),
    connect({ host, port: listener.address.port, completionPort }),
  ]);
  listener.accept();
  server.recvInto(new Uint8Array(1000)).then(() => server.recv({ signal: new AbortController().signal }));
  client.recv();
  client.send(new Uint8Array(16 * 1024 * 1024));
  client.shutdown();
  connect({ ...workerData.stalled, completionPort });
  completionPort.operation(() => {}).timer(1_000_000);
  completionPort.on("posted", () => {});
  completionPort.post("on its way");
  await listen({ host, completionPort }, { open() {} });
}
parentPort.postMessage("waiting");
