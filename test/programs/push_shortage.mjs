// An echo server with few descriptors. The first argument is the port to report to, the second "push", "pull" or
// "throwing" (push style, with a shortage handler that throws).
import { AsyncLocalStorage } from "node:async_hooks";
import { connect as netConnect } from "node:net";
import { createInterface } from "node:readline";
import { CompletionPort, connect, listen, PortsideError } from "portside";
import { system } from "../../dist/platforms/rooms.js";

const [controlPort, style] = process.argv.slice(2);

const control = netConnect({ host: "127.0.0.1", port: Number(controlPort) });
await new Promise((resolve) => control.once("connect", resolve));
const tell = (report) => control.write(`${JSON.stringify(report)}\n`);

process.on("uncaughtException", (error) => {
  if (error.message === "thrown in shortage") tell({ uncaught: error.message });
  else {
    console.error(error);
    process.exit(1);
  }
});

const port = CompletionPort.default;
const context = new AsyncLocalStorage();
let listener;
let iteration;
const sockets = [];
if (style === "pull") {
  listener = await listen({ host: "127.0.0.1" });
  const serve = async (socket) => {
    for await (const chunk of socket) await socket.send(chunk);
    await socket.close();
  };
  iteration = (async () => {
    for await (const socket of listener) serve(socket);
  })();
} else {
  const handlers = {
    open: (socket) => sockets.push(socket),
    data: (socket, chunk) => socket.write(chunk),
    shortage(its, error) {
      tell({
        shortage: error === null ? null : error.code,
        context: context.getStore(),
        shape:
          its === listener &&
          (error === null || (error instanceof PortsideError && error.message.length > 20)),
      });
      if (style === "throwing") throw new Error("thrown in shortage");
    },
  };
  listener = await context.run("the listener's", () => listen({ host: "127.0.0.1" }, handlers));
}

const outcome = (promise) =>
  promise.then(
    (opened) => opened.close().then(() => "opened"),
    (error) => (error instanceof PortsideError ? error.code : String(error)),
  );

const commands = {
  stats: () => tell({ stats: port.stats() }),
  usage() {
    const { user, system: kernel } = process.cpuUsage();
    tell({ usage: { processor: (user + kernel) / 1e6, time: process.uptime() } });
  },
  connect: async () =>
    tell({ connect: await outcome(connect({ host: "127.0.0.1", port: Number(controlPort) })) }),
  listen: async () => tell({ listen: await outcome(listen({ host: "127.0.0.1" })) }),
  // As when something else in the process lets descriptors go: the port itself closes nothing.
  relieve: () => system.lowerDescriptorLimit(500),
  // The first connection makes room for another one while more completions stand in line than two batches hold.
  crowd() {
    for (let i = 0; i < 500; i++)
      port
        .operation(() => {})
        .timer(60_000)
        .cancel();
    sockets[0].close();
  },
  close: async () => {
    await listener.close();
    tell({ closed: true });
  },
  async quit() {
    await listener.close();
    await iteration;
    control.end();
  },
};
createInterface({ input: control }).on("line", (line) => commands[line]());

// Enough for what is open, and for some fifty connections.
system.lowerDescriptorLimit(90);
tell({ port: listener.address.port });
