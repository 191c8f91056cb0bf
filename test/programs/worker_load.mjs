// A worker under full load on its default port. Says "loaded" once it runs, and goes on for ever, or leaves
// the way workerData.leave says.
import { parentPort, workerData } from "node:worker_threads";
import { CompletionPort } from "../../dist/src/index.js";
import { startLoad } from "./load.mjs";

let messages = 0;
await startLoad(CompletionPort.default, 3, () => {
  if (++messages !== 500) return;
  parentPort.postMessage("loaded");
  if (workerData?.leave === "exit") process.exit(3);
  if (workerData?.leave === "throw") throw new Error("thrown in the worker");
});
