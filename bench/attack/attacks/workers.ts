import { Worker } from "node:worker_threads";
import type { Arena } from "../arena.js";
import { sleep, within } from "../clock.js";
import type { LoadedWorkerData } from "../loaded_worker.js";

const most = 2;
let running = 0;

/** Threads under load, ended at any moment, from outside or from inside. */
export async function endedWorkers(arena: Arena): Promise<void> {
  if (running >= most) return;
  running++;
  const { random } = arena;
  const leave = random.pick(["terminated", "terminated", "exit", "throw"] as const);
  const workerData: LoadedWorkerData = { seed: random.integer(0, 1e9), leave, post: arena.ownPort().id };
  const worker = new Worker(new URL("../loaded_worker.js", import.meta.url), { workerData });
  const faults: unknown[] = [];
  worker.on("error", (error) => faults.push(error));
  const ended = new Promise<number>((resolve) => worker.once("exit", resolve));
  void ended.then(() => running--);
  const done = arena.ledger.expect("worker");
  void ended.then(done);
  if (leave === "terminated") {
    await sleep(random.integer(0, random.chance(0.5) ? 60 : 600));
    void worker.terminate();
  }
  if (!(await within(ended, 25_000))) return arena.ledger.fault(`a worker that is ${leave} does not end`);
  const code = await ended;
  if (leave === "exit" && code !== 5)
    arena.ledger.fault(`a worker that exits with 5 ends with ${code}: ${faults}`);
  if (leave === "throw" && !String(faults[0]).includes("thrown by an attack"))
    arena.ledger.fault(`a worker that throws ends with ${code}: ${faults}`);
}
