// A worker: posts [name, 0], [name, 1], ... to the port with the id it is given.
import { workerData } from "node:worker_threads";
import { CompletionPort } from "../../dist/src/index.js";

for (let index = 0; index < workerData.count; index++) {
  CompletionPort.post(workerData.id, [workerData.name, index]);
  // Now and then the other threads come first.
  if (index % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
}
