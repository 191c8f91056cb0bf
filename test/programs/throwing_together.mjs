// Fifty values are posted; each one's listener throws. Prints in which order what they had left for later came.
import { CompletionPort } from "portside";

const order = [];
let thrown = 0;
process.on("uncaughtException", () => {
  thrown++;
});
const port = new CompletionPort();
for (let value = 0; value < 50; value++) port.post(value);
const handedOut = new Promise((resolve) => {
  port.on("posted", (value) => {
    if (value === 0) {
      setImmediate(() => order.push(`an immediate, after ${thrown} exceptions`));
      Promise.resolve().then(() => order.push(`a promise, after ${thrown} exceptions`));
    }
    if (value === 49) setImmediate(resolve);
    throw new Error("thrown in posted");
  });
});
const keepAlive = setInterval(() => {}, 1000); // a port does not
await handedOut;
clearInterval(keepAlive);
await port.close();
process.stdout.write(JSON.stringify(order));
