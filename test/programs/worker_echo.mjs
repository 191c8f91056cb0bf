// A worker that does one echo on its own default port, tells what it saw, and ends by itself.
import { parentPort, threadId } from "node:worker_threads";
import { CompletionPort, connect, listen } from "../../dist/src/index.js";

const host = "127.0.0.1";
const listener = await listen({ host });
const [server, client] = await Promise.all([
  listener.accept(),
  connect({ host, port: listener.address.port }),
]);
await client.send(`from thread ${threadId}`);
await server.send(await server.recv());
const answer = Buffer.from(await client.recv()).toString();
await Promise.all([server.close(), client.close(), listener.close()]);
parentPort.postMessage({
  id: CompletionPort.default.id,
  answer,
  expected: `from thread ${threadId}`,
  handles: CompletionPort.default.stats().handles,
});
