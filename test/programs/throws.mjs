// Handlers that throw, from the place given; prints what was called and what was reported.
import { CompletionPort, connect, listen } from "../../dist/src/index.js";

const [where, catching] = process.argv.slice(2);
const host = "127.0.0.1";
const port = CompletionPort.default;
const report = { calls: 0, caught: [], alive: false };

if (catching === "caught") process.on("uncaughtException", (error) => report.caught.push(error.message));

const fail = () => {
  report.calls++;
  throw new Error(`thrown ${report.calls}`);
};

const places = {
  "ten timers of one batch"() {
    for (let index = 0; index < 10; index++) port.operation(fail).timer(1);
  },
  async "ten sends of one batch"() {
    const listener = await listen({ host });
    const [server, client] = await Promise.all([
      listener.accept(),
      connect({ host, port: listener.address.port }),
    ]);
    for (let index = 0; index < 10; index++) port.operation(fail).send(client, "x");
    setTimeout(() => Promise.all([server.close(), client.close(), listener.close()]), 200);
  },
  "ten posted values"() {
    port.on("posted", fail);
    for (let index = 0; index < 10; index++) port.post(index);
  },
};
await places[where]();

// Something after them in the same batch, and something later.
port
  .operation(() => {
    port
      .operation(() => {
        report.alive = true;
      })
      .timer(100);
  })
  .timer(1);
process.on("exit", () => process.stdout.write(JSON.stringify(report)));
