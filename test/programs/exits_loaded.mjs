// Leaves by process.exit(7) in the middle of full load, from the place given.
import { CompletionPort } from "../../dist/src/index.js";
import { startLoad } from "./load.mjs";

const where = process.argv[2];
const port = where === "an own port" ? new CompletionPort() : CompletionPort.default;
const other = new CompletionPort();
let messages = 0;

const leave = () => {
  process.stdout.write("leaving");
  process.exit(7);
};

await startLoad(other, 2, () => {});
await startLoad(port, 10, (style) => {
  if (++messages < 3000) return;
  if (style === where || where === "an own port") leave();
});

const places = {
  posted() {
    port.on("posted", leave);
    port.post("now");
  },
  timer() {
    port.operation(leave).timer(50);
  },
  setTimeout() {
    setTimeout(leave, 50);
  },
  setImmediate() {
    setImmediate(leave);
  },
  uncaught() {
    setTimeout(() => {
      throw new Error("nobody catches this");
    }, 50);
  },
};
places[where]?.();
