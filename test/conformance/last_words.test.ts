import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { run } from "../support/programs.js";
import { deferred, event } from "../support/wait.js";

describe.concurrent("what was written reaches the peer, though the process ends at once by", () => {
  it.each([
    "process.exit()",
    "an uncaught exception",
    "an unhandled rejection",
    "an exit handler",
    "process.exit() in a data handler",
    "an uncaught exception in a data handler",
    "an unhandled rejection in a data handler",
    "a worker's process.exit()",
    "a worker's an uncaught exception",
    "a worker's terminate()",
    "a worker's terminate() in a data handler",
  ])("%s", async (end) => {
    const heard = deferred<string>();
    const server = createServer((peer) => {
      let text = "";
      peer.on("data", (data) => {
        text += data;
      });
      peer.on("error", () => {}); // a reset, after the data
      peer.on("close", () => heard.resolve(text));
      peer.write("say something");
    }).listen(0, "127.0.0.1");
    await event(server, "listening");
    const { port } = server.address() as { port: number };
    try {
      await run("last_words.mjs", { args: [end, "127.0.0.1", String(port)] });
      expect(await heard.promise).toBe("last words");
    } finally {
      server.close();
    }
  });
});
