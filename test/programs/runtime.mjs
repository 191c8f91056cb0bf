// What a runtime has to be able to do, for scripts/test-runtimes.mjs: prints one line a check, and ends by itself.
import { Buffer } from "node:buffer";
import process from "node:process";
import { clearInterval, clearTimeout, setInterval, setTimeout } from "node:timers";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { CompletionPort, connect, listen } from "portside";

const host = "127.0.0.1";

function equal(actual, expected, what) {
  if (actual !== expected) throw new Error(`${what} is ${actual}, not ${expected}`);
}

async function textOf(socket) {
  let text = "";
  for await (const chunk of socket) text += Buffer.from(chunk).toString("latin1");
  return text;
}

async function pushEcho() {
  const closed = withResolvers();
  const listener = await listen(
    { host },
    {
      data(socket, chunk) {
        if (!socket.write(chunk)) socket.pause();
      },
      drain: (socket) => void socket.resume(),
      close: () => closed.resolve(),
    },
  );
  const socket = await connect({ host, port: listener.address.port });
  await socket.send("over and ");
  await socket.send("out");
  await socket.shutdown();
  equal(await textOf(socket), "over and out", "the echo");
  await socket.close();
  await closed.promise;
  await listener.close();
}

async function pullEcho() {
  const listener = await listen({ host });
  const [server, client] = await Promise.all([
    listener.accept(),
    connect({ host, port: listener.address.port }),
  ]);
  for (let round = 0; round < 200; round++) {
    await client.send(`round ${round}`);
    await server.send(await server.recv());
    equal(Buffer.from(await client.recv()).toString(), `round ${round}`, "the answer");
  }
  await Promise.all([server.close(), client.close(), listener.close()]);
}

async function largeTransfer() {
  const size = 32 << 20;
  const listener = await listen({ host });
  const [server, client] = await Promise.all([
    listener.accept(),
    connect({ host, port: listener.address.port }),
  ]);
  const bytes = Buffer.alloc(size);
  for (let index = 0; index < size; index += 4) bytes.writeUInt32LE(index, index);
  const sending = server.send(bytes).then(() => server.shutdown());
  let received = 0;
  for await (const chunk of client) {
    const same = Buffer.compare(Buffer.from(chunk), bytes.subarray(received, received + chunk.length)) === 0;
    if (!same) throw new Error(`other bytes at ${received}`);
    received += chunk.length;
  }
  await sending;
  equal(received, size, "the number of bytes");
  await Promise.all([server.close(), client.close(), listener.close()]);
}

/** Timers of the program's have their turn while connections are busy, and a signal ends a wait. */
async function timers() {
  const listener = await listen({ host }, { data: (socket, chunk) => void socket.write(chunk) });
  let ticks = 0;
  const ticking = setInterval(() => ticks++, 5);
  const socket = await connect({ host, port: listener.address.port });
  let echoes = 0;
  while (ticks < 5) {
    await socket.send("x");
    await socket.recv();
    echoes++;
  }
  clearInterval(ticking);
  if (echoes < 5) throw new Error(`only ${echoes} echoes beside the timer`);
  const error = await socket.recv({ signal: AbortSignal.timeout(20) }).then(
    () => undefined,
    (reason) => reason,
  );
  equal(error?.code, "ECANCELED", "the code of a receive that nobody answers");
  await socket.close();
  await listener.close();
}

async function posting() {
  const port = new CompletionPort();
  const got = [];
  const all = withResolvers();
  port.on("posted", (value) => {
    got.push(value);
    if (got.length === 1000) all.resolve();
  });
  for (let index = 0; index < 1000; index++) port.post(index);
  await all.promise;
  got.forEach((value, index) => {
    equal(value, index, "a posted value");
  });
  await port.close();
}

/** Each worker posts to this thread's port, and does an echo over a port of its own. */
// More than once: what a worker leaves behind may be looked at by a later one only.
async function workers() {
  for (let round = 0; round < 4; round++) await twoWorkers();
}

async function twoWorkers() {
  const port = new CompletionPort();
  const posted = [];
  const both = withResolvers();
  port.on("posted", (value) => {
    posted.push(value);
    if (posted.length === 2) both.resolve();
  });
  const program = new URL(import.meta.url);
  const running = [1, 2].map((name) => new Worker(program, { workerData: { name, id: port.id } }));
  const echoes = running.map(
    (worker) =>
      new Promise((resolve, reject) => {
        worker.on("message", resolve);
        worker.on("error", reject);
      }),
  );
  equal((await Promise.all(echoes)).join(), "echo 1,echo 2", "what the workers tell");
  await both.promise;
  equal(posted.sort().join(), "posted by 1,posted by 2", "what the workers post");
  await Promise.all(running.map((worker) => worker.terminate()));
  await port.close();
}

async function workerProgram() {
  const { name, id } = workerData;
  CompletionPort.post(id, `posted by ${name}`);
  const listener = await listen({ host }, { data: (socket, chunk) => void socket.write(chunk) });
  const socket = await connect({ host, port: listener.address.port });
  await socket.send(`echo ${name}`);
  const answer = Buffer.from(await socket.recv()).toString();
  await socket.close();
  await listener.close();
  parentPort.postMessage(answer);
}

/** Figures can be had, whatever the runtime lets us read. */
async function statistics() {
  const { descriptorLimit, residentMemory } = CompletionPort.default.stats();
  if (!(descriptorLimit > 0 && residentMemory >= 0)) throw new Error(`${descriptorLimit}, ${residentMemory}`);
}

async function refusals() {
  const listener = await listen({ host });
  const { port } = listener.address;
  await listener.close();
  const error = await connect({ host, port }).then(
    () => undefined,
    (reason) => reason,
  );
  equal(error?.code, "ECONNREFUSED", "the code of a connect to nobody");
}

async function manyConnections() {
  const count = 200;
  const listener = await listen({ host }, { data: (socket, chunk) => void socket.write(chunk) });
  const sockets = await Promise.all(
    Array.from({ length: count }, () => connect({ host, port: listener.address.port })),
  );
  await Promise.all(
    sockets.map(async (socket, index) => {
      await socket.send(`${index}`);
      equal(Buffer.from(await socket.recv()).toString(), `${index}`, "the answer");
      await socket.close();
    }),
  );
  await listener.close();
}

function withResolvers() {
  const answer = {};
  answer.promise = new Promise((resolve) => {
    answer.resolve = resolve;
  });
  return answer;
}

const checks = {
  pushEcho,
  pullEcho,
  largeTransfer,
  timers,
  posting,
  workers,
  statistics,
  refusals,
  manyConnections,
};

async function main() {
  const late = setTimeout(() => {
    console.log("FAILED the whole: it does not end");
    process.exit(1);
  }, 60_000);
  console.log(`waker ${CompletionPort.default.waker}`);
  for (const [name, body] of Object.entries(checks)) {
    try {
      await body();
      console.log(`ok ${name}`);
    } catch (error) {
      console.log(`FAILED ${name}: ${error?.stack ?? error}`);
      process.exitCode = 1;
    }
  }
  clearTimeout(late); // which also kept the process while only values were posted
  console.log("end");
}

await (isMainThread ? main() : workerProgram());
