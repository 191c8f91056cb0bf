// The handler named by the first argument throws for every second of 20 push-style sockets; the second says whether
// they are "accepted" or "connected". Prints what happened to all of them, and ends by itself.
import { connect, listen } from "portside";

const [kind, side, thrown = "error"] = process.argv.slice(2);
const count = 20;

const uncaught = [];
process.on("uncaughtException", (error, origin) => {
  uncaught.push(`${origin}: ${error instanceof Error ? error.message : String(error)}`);
});

const calls = { open: 0, data: 0, drain: 0, end: 0, error: 0, close: 0 };
const subjects = [];
let armed = true;

function called(name, socket) {
  calls[name]++;
  if (name !== kind || !armed || socket.data % 2 === 0) return;
  if (thrown === "string") throw "a string";
  if (thrown === "undefined") throw undefined;
  throw new Error(`thrown in ${name}`);
}

const handlers = {
  open(socket) {
    socket.data = subjects.push(socket) - 1;
    called("open", socket);
  },
  data(socket, chunk) {
    called("data", socket);
    socket.write(chunk);
  },
  drain: (socket) => called("drain", socket),
  end: (socket) => called("end", socket),
  error: (socket) => called("error", socket),
  close: (socket) => called("close", socket),
};

async function until(condition) {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

// With a mark of 1 every write is followed by a drain.
const options = { host: "127.0.0.1", highWaterMark: 1 };
const numbers = Array.from({ length: count });
let peers;
let listener;
if (side === "accepted") {
  listener = await listen(options, handlers);
  peers = await Promise.all(numbers.map(() => connect({ host: "127.0.0.1", port: listener.address.port })));
} else {
  listener = await listen({ host: "127.0.0.1" });
  const accepting = Promise.all(numbers.map(() => listener.accept()));
  const connecting = numbers.map(() => connect({ ...options, port: listener.address.port }, handlers));
  peers = await accepting;
  await Promise.all(connecting);
}
await until(() => subjects.length === count);

let echoed = 0;
const reading = peers.map(async (peer) => {
  try {
    for await (const chunk of peer) echoed += chunk.length;
  } catch {
    // The peers reset their connections themselves.
  }
});
const message = "ping";
const all = count * message.length;

// First round, in which `data` throws for half of them: all messages are there at once.
for (const peer of peers) peer.send(message);
const expected = kind === "data" ? all / 2 : all;
await until(() => calls.data === count && echoed === expected);
if (kind === "drain") await until(() => calls.drain >= count);

// Second round, in which nothing throws: those that threw go on.
armed = false;
for (const peer of peers) peer.send(message);
await until(() => calls.data === 2 * count && echoed === expected + all);
armed = true;

// The end, in which `end`, `error` and `close` throw.
if (kind === "error") {
  await Promise.all(peers.map((peer) => peer.reset()));
} else {
  for (const peer of peers) await peer.shutdown();
  await until(() => calls.end === count);
  await Promise.all(subjects.map((socket) => socket.close()));
}
await until(() => calls.close === count);
await Promise.all(reading);
await Promise.all(peers.map((peer) => peer.close()));
await listener.close();
console.log(JSON.stringify({ uncaught, calls }));
