// Uses everything that takes time while timers and microtasks are faked, and once more afterwards. Arguments: who fakes
// them ("sinon" or "node:test"), from the loading of Portside on. Prints "done".
import dns from "node:dns";
import { writeSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";

const [who] = process.argv.slice(2);
const host = "127.0.0.1";

// A look-up that never ends.
dns.lookup = () => {};
dns.promises.lookup = () => new Promise(() => {});
syncBuiltinESMExports();

async function sinon() {
  const { default: FakeTimers } = await import("@sinonjs/fake-timers");
  return () => {
    const clock = FakeTimers.install({
      toFake: [
        "setTimeout",
        "clearTimeout",
        "setInterval",
        "clearInterval",
        "setImmediate",
        "clearImmediate",
        "queueMicrotask",
        "nextTick",
        "performance",
        "hrtime",
        "Date",
      ],
    });
    return () => clock.uninstall();
  };
}

async function nodeTest() {
  const { mock } = await import("node:test");
  return () => {
    mock.timers.enable();
    return () => mock.timers.reset();
  };
}

const install = await { sinon, "node:test": nodeTest }[who]();
const { connect, listen, CompletionPort } = await import("../../dist/src/index.js");
const uninstall = install();

let step = "nothing";
const uncaught = [];
process.on("uncaughtException", (error) => {
  uncaught.push(error.message);
  if (error.message === "thrown by a handler") return;
  writeSync(2, `${step}: ${error.stack}\n`);
  process.exit(1);
});

const exceptions = { due: 0 };

async function everything(port) {
  const own = { completionPort: port };
  step = "listen";
  const listener = await listen(
    { host, ...own },
    {
      data(socket, chunk) {
        socket.write(chunk);
        if (chunk.length === 1) {
          exceptions.due++;
          throw new Error("thrown by a handler");
        }
      },
    },
  );
  step = "connect";
  const socket = await connect({ host, port: listener.address.port, timeout: 10_000, ...own });
  step = "echo";
  for (let round = 0; round < 200; round++) {
    await socket.send("ping");
    let missing = 4;
    while (missing > 0) missing -= (await socket.recv({ size: missing })).length;
  }
  step = "write and drained";
  socket.write(new Uint8Array(8 * 1024 * 1024));
  const draining = socket.drained();
  let missing = 8 * 1024 * 1024;
  while (missing > 0) missing -= (await socket.recv()).length;
  await draining;
  step = "timer";
  await new Promise((resolve) => {
    port.operation(resolve).timer(5);
  });
  step = "post";
  await new Promise((resolve) => {
    port.on("posted", function posted(value) {
      port.off("posted", posted);
      resolve(value);
    });
    port.post("hello");
  });
  step = "connect, timeout";
  await connect({ host: "slow.invalid", port: 9, timeout: 20, ...own }).catch(({ code }) => {
    if (code !== "ETIMEDOUT") throw new Error(`connect: ${code}`);
  });
  step = "an exception in a handler";
  await socket.send("!");
  await socket.recv();
  step = "shutdown and close";
  await socket.shutdown();
  await socket.recv();
  await socket.close();
  await listener.close();
}

for (const faked of [true, false]) {
  await everything(CompletionPort.default);
  const port = new CompletionPort();
  await everything(port);
  step = "closing the port";
  await port.close();
  if (faked) uninstall();
}
while (uncaught.length < exceptions.due) await new Promise((resolve) => setTimeout(resolve, 1));
writeSync(1, "done");
process.exit();
