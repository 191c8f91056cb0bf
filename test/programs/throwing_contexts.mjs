// Handlers and callbacks that throw. Prints which store of an AsyncLocalStorage the listener for uncaught exceptions found,
// and what a domain's listener got of those that were given within it.
import { AsyncLocalStorage } from "node:async_hooks";
import domain from "node:domain";
import { CompletionPort, connect, listen } from "portside";

const storage = new AsyncLocalStorage();
const seen = {};
const inDomain = {};
process.on("uncaughtException", ({ message }) => {
  seen[message] = String(storage.getStore());
});

const thrower = (name, before) => (socket) => {
  before?.(socket);
  throw new Error(name);
};

async function until(condition) {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** Has everything throw that was given by way of `giving`; waits until it was told. */
async function throwAll(giving, told, names) {
  const port = new CompletionPort();
  const listener = await giving("listen", () =>
    listen(
      { host: "127.0.0.1", completionPort: port },
      {
        open: thrower("open", () => storage.enterWith("entered by open")),
        data: thrower("data"),
        end: thrower("end", (socket) => socket.close()),
        close: thrower("close"),
      },
    ),
  );
  const socket = await connect({ host: "127.0.0.1", port: listener.address.port });
  await socket.send("x");
  await socket.shutdown();
  giving("operation", () => port.operation(thrower("operation"))).timer(1);
  giving("on", () => port.on("posted", thrower("posted")));
  port.post("hello");
  await until(() => names.every((name) => name in told));
  await socket.close();
  await port.close();
}

const names = ["open", "data", "end", "close", "operation", "posted"];
await throwAll((store, give) => storage.run(store, give), seen, names);

const own = domain.create();
own.on("error", ({ message }) => {
  inDomain[message] = "the domain";
});
await throwAll((_, give) => own.run(give), inDomain, names);
console.log(JSON.stringify({ seen, inDomain }));
