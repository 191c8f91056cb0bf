// Writes its last words to the peer at the address given, and ends at once, the way it is told to.
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { connect } from "../../dist/src/index.js";

const words = "last words";
const [end, host, port] = isMainThread ? process.argv.slice(2) : workerData;

const ends = {
  "process.exit()"() {
    process.exit(3);
  },
  "an uncaught exception"() {
    throw new Error("uncaught");
  },
  "an unhandled rejection"() {
    void Promise.reject(new Error("unhandled"));
  },
  "terminate()"() {
    parentPort.postMessage("written");
    for (;;); // in the same turn: no microtask comes any more
  },
};

if (isMainThread && end.startsWith("a worker's ")) {
  const worker = new Worker(new URL(import.meta.url), { workerData: [end.slice(11), host, port] });
  worker.on("message", () => void worker.terminate());
  worker.on("error", () => {});
} else if (end === "an exit handler") {
  const socket = await connect({ host, port: Number(port) });
  process.on("exit", () => socket.write(words));
  process.exit(3);
} else if (end.endsWith(" in a data handler")) {
  await connect(
    { host, port: Number(port) },
    {
      data(socket) {
        socket.write(words);
        ends[end.slice(0, -18)]();
      },
    },
  );
} else {
  const socket = await connect({ host, port: Number(port) });
  // Not in the continuation of the connect, after which everything is handed over.
  setImmediate(() => {
    socket.write(words);
    ends[end]();
  });
}
