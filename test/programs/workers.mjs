// Starts workers and gets rid of them in the way given; then shows that this thread is unharmed.
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { CompletionPort, connect, listen } from "../../dist/src/index.js";

const mode = process.argv[2];
/** To which a connect stays pending. */
const stalled = { host: process.argv[3], port: Number(process.argv[4]) };
const host = "127.0.0.1";
const report = { ids: [], codes: [], echoes: 0 };

function start(program, workerData) {
  const worker = new Worker(new URL(program, import.meta.url), { workerData });
  worker.setMaxListeners(0);
  return worker;
}

async function terminateLoaded() {
  const worker = start("./worker_load.mjs");
  await once(worker, "message");
  report.codes.push(await worker.terminate());
}

async function leaveLoaded(leave) {
  const worker = start("./worker_load.mjs", { leave });
  const errors = [];
  worker.on("error", (error) => errors.push(error.message));
  // Not events.once, which rejects at an "error" event.
  const code = await new Promise((resolve) => worker.on("exit", resolve));
  report.codes.push(code, ...errors);
}

async function terminateWaiting(worker) {
  await once(worker, "message");
  report.codes.push(await worker.terminate());
}

const modes = {
  async "terminated at full load"() {
    for (let round = 0; round < 4; round++) await terminateLoaded();
  },
  async "terminated at full load at the same time"() {
    await Promise.all([1, 2, 3].map(terminateLoaded));
  },
  async "terminated while they start"() {
    // Three at a time, at moments between their first and their last step into full load.
    const lane = async (offset) => {
      for (let delay = offset; delay < 100; delay += 9) {
        const worker = start("./worker_load.mjs");
        await new Promise((resolve) => setTimeout(resolve, delay));
        report.codes.push(await worker.terminate());
      }
    };
    await Promise.all([1, 4, 7].map(lane));
  },
  async "terminated while everything waits"() {
    for (let round = 0; round < 3; round++)
      await terminateWaiting(start("./worker_waiting.mjs", { stalled }));
  },
  async "that exit at full load"() {
    for (let round = 0; round < 3; round++) await leaveLoaded("exit");
  },
  async "that throw at full load"() {
    for (let round = 0; round < 3; round++) await leaveLoaded("throw");
  },
  async "that end by themselves"() {
    for (let round = 0; round < 5; round++) {
      const worker = start("./worker_echo.mjs");
      const [[message], [code]] = await Promise.all([once(worker, "message"), once(worker, "exit")]);
      if (message.answer !== message.expected || message.handles !== 0)
        throw new Error(JSON.stringify(message));
      report.ids.push(message.id);
      report.codes.push(code);
    }
  },
  async "left behind by process.exit"() {
    const workers = [1, 2].map(() => start("./worker_load.mjs"));
    await Promise.all(workers.map((worker) => once(worker, "message")));
    process.stdout.write(JSON.stringify(report));
    process.exit(5);
  },
};

async function echo() {
  const listener = await listen({ host });
  const [server, client] = await Promise.all([
    listener.accept(),
    connect({ host, port: listener.address.port }),
  ]);
  await client.send("still works");
  await server.send(await server.recv());
  if (Buffer.from(await client.recv()).toString() === "still works") report.echoes++;
  await Promise.all([server.close(), client.close(), listener.close()]);
}

await echo();
report.ids.push(CompletionPort.default.id);
await modes[mode]();
await echo();
process.stdout.write(JSON.stringify(report));
