import { CompletionPort, listen } from "portside";
import { describe, expect, it } from "vitest";
import { Completions } from "../support/completions.js";
import { netClient, pair } from "../support/peers.js";
import { Recorder } from "../support/recorder.js";
import { Scope } from "../support/scope.js";
import { turns } from "../support/wait.js";

/** Resolves when the port asks its kernel for nothing any more; never, when something keeps it busy. */
async function quiet(port: CompletionPort): Promise<void> {
  for (let last = -1; last !== port.stats().polls; ) {
    last = port.stats().polls;
    await new Promise((resolve) => setTimeout(resolve, 50));
    await turns();
  }
}

// What is ready and wanted by nobody, and what has been done, must not be looked at again and again.
describe("a port comes to rest", () => {
  it("while a paused socket has bytes waiting", async () => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort());
    const recorder = new Recorder({ open: (socket) => void socket.pause() });
    const listener = await listen({ host: "127.0.0.1", completionPort: port }, recorder.handlers);
    const peer = await netClient(scope, listener.address.port);
    await recorder.next("open");
    await peer.write("nobody wants this");
    await quiet(port);
    expect(recorder.length).toBe(0);
  });

  it("while clients wait that nobody accepts", async () => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort());
    const listener = await listen({ host: "127.0.0.1", completionPort: port });
    await netClient(scope, listener.address.port);
    await netClient(scope, listener.address.port);
    await quiet(port);
    const socket = await listener.accept();
    await quiet(port);
    await socket.close();
  });

  it("after a value was posted to it", async () => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort());
    const posted = new Promise((resolve) => port.on("posted", resolve));
    // Keeps the process, and so the waker, at work.
    await listen({ host: "127.0.0.1", completionPort: port });
    port.post("value");
    expect(await posted).toBe("value");
    await quiet(port);
  });

  it("after more was done than one turn holds", async () => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort({ batch: 4, polls: 1 }));
    const { client } = await pair(scope, { completionPort: port });
    const done = Array.from({ length: 100 }, () => {
      const completions = new Completions(port);
      completions.operation.send(client, "x");
      return completions.nth(1);
    });
    await Promise.all(done);
    await quiet(port);
  });
});
