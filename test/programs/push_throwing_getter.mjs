// The `end` handler of a push-style server is a getter that throws at the peer's FIN. Prints what was reported as uncaught,
// and what the peer receives then: null when the server's socket has closed by itself.
import { connect, listen } from "portside";

const uncaught = [];
process.on("uncaughtException", (error) => uncaught.push(error.message));
let armed = false;
const handlers = {
  get end() {
    if (armed) throw new Error("thrown by end's getter");
    return () => {};
  },
};
const listener = await listen({ host: "127.0.0.1" }, handlers);
const peer = await connect({ host: "127.0.0.1", port: listener.address.port });
armed = true;
await peer.shutdown();
const received = await peer.recv();
await Promise.all([peer.close(), listener.close()]);
process.stdout.write(JSON.stringify({ uncaught, received }));
