// 200 connections that echoed once and are idle since: prints what they cost in a stretch of at least a second.
import { CompletionPort, connect, listen } from "portside";

const count = 200;
let opened = 0;
let echoed = 0;
const listener = await listen(
  { host: "127.0.0.1" },
  {
    open: () => opened++,
    data: (socket, chunk) => socket.write(chunk),
  },
);
const until = async (condition) => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
};
const clients = await Promise.all(
  Array.from({ length: count }, () =>
    connect(
      { host: "127.0.0.1", port: listener.address.port },
      { open: (socket) => socket.write("x"), data: () => echoed++ },
    ),
  ),
);
await until(() => opened === count && echoed === count);
// What comes once after the start, such as the collection of garbage, is not what is measured.
await new Promise((resolve) => setTimeout(resolve, 300));

const port = CompletionPort.default;
const before = port.stats();
const usage = process.cpuUsage();
const begin = process.hrtime.bigint();
await new Promise((resolve) => setTimeout(resolve, 1000));
const { user, system } = process.cpuUsage(usage);
const microseconds = Number(process.hrtime.bigint() - begin) / 1000;
const after = port.stats();
console.log(
  JSON.stringify({
    share: (user + system) / microseconds,
    polls: after.polls - before.polls,
    batches: after.batches - before.batches,
    completed: after.completed - before.completed,
    receiveBuffers: after.receiveBuffers,
    handles: after.handles,
  }),
);
await Promise.all(clients.map((client) => client.close()));
await listener.close();
