// A thread whose connections send as fast as they can, until it is ended, or ends itself at some moment.
import { workerData } from "node:worker_threads";
import { CompletionPort, connect, listen } from "../../src/index.js";
import { Random } from "../stress/random.js";
import { AttackError } from "./ledger.js";

export interface LoadedWorkerData {
  seed: number;
  leave: "terminated" | "exit" | "throw";
  /** A port of the other thread, to post to. */
  post: number;
}

const { seed, leave, post } = workerData as LoadedWorkerData;
const random = new Random(seed);
let left = random.pick([1, 100, 1000]);

function moment(): void {
  if (random.chance(0.05)) {
    try {
      CompletionPort.post(post, { from: "a worker" });
    } catch {
      // it is closed
    }
  }
  if (left-- !== 0) return;
  if (leave === "exit") process.exit(5);
  if (leave === "throw") throw new AttackError();
}

const host = "127.0.0.1";
const listener = await listen(
  { host },
  {
    data(socket, chunk) {
      moment();
      socket.write(chunk);
    },
  },
);
for (let count = random.integer(1, 6); count > 0; count--) {
  const socket = await connect(
    { host, port: listener.address.port, borrow: random.chance(0.5) },
    {
      data(self, chunk) {
        moment();
        self.write(chunk);
      },
    },
  );
  socket.write("W".repeat(random.pick([1, 1000, 50_000])));
}
const timer = CompletionPort.default.operation((_error, _result, operation) => {
  moment();
  operation.timer(1);
});
timer.timer(1);
