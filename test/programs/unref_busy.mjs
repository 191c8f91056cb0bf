// A port that is always busy and unreferenced: it works while something else keeps the process alive, and then the
// process ends. Says whether it got on, and the most batches between two setImmediates.
import { CompletionPort, connect, listen } from "../../dist/src/index.js";

const host = "127.0.0.1";
const port = new CompletionPort();
const sink = await listen({ host, completionPort: port }, { data() {} });
const socket = await connect({ host, port: sink.address.port, completionPort: port });
port.unref();
for (let i = 0; i < 10; i++) {
  const operation = port.operation((error) => {
    if (!error) operation.send(socket, "x");
  });
  operation.send(socket, "x");
}

const began = port.stats().batches;
let most = 0;
let last = began;
let rounds = 0;
setImmediate(function look() {
  const { batches } = port.stats();
  most = Math.max(most, batches - last);
  last = batches;
  if (++rounds < 200) return setImmediate(look);
  // Now a timer alone keeps the loop, which sleeps, going.
  setTimeout(() => {
    const asleep = port.stats().batches - last;
    process.stdout.write(JSON.stringify({ gotOn: last > began, fair: most <= 2 * 3, workedOn: asleep > 20 }));
  }, 200);
});
