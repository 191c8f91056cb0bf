// A handler throws, and nobody listens for uncaught exceptions: the process has to end as Node ends it.
import { connect, listen } from "portside";

process.on("exit", (code) => console.log(`exit ${code}`));
const listener = await listen(
  { host: "127.0.0.1" },
  {
    data() {
      throw new Error("thrown in data");
    },
  },
);
const socket = await connect({ host: "127.0.0.1", port: listener.address.port });
await socket.send("now");
