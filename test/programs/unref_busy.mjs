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
    if (error) return;
    operation.send(socket, "x");
    if (asleep && port.stats().batches - last > 20) end(true);
  });
  operation.send(socket, "x");
}

const began = port.stats().batches;
let most = 0;
let last = began;
let rounds = 0;
/** A timer that alone keeps the loop, which sleeps, going. */
let asleep;
setImmediate(function look() {
  const { batches } = port.stats();
  most = Math.max(most, batches - last);
  last = batches;
  if (++rounds < 200) return setImmediate(look);
  asleep = setTimeout(end, 10_000, false);
});

function end(workedOn) {
  clearTimeout(asleep);
  asleep = undefined;
  process.stdout.write(JSON.stringify({ gotOn: last > began, fair: most <= 2 * 3, workedOn }));
}
