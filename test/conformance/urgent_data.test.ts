import { listen } from "portside";
import { describe, expect, it } from "vitest";
import { receive } from "../support/bytes.js";
import { RawClient } from "../support/raw_client.js";
import { Recorder } from "../support/recorder.js";
import { Scope } from "../support/scope.js";

// A receive stops short at urgent data; that it got less than it might have does not mean that nothing is left.
describe("urgent data in a stream", () => {
  it("do not hold up what was sent after them, in pull style", async () => {
    await using scope = new Scope();
    const listener = scope.use(await listen({ host: "127.0.0.1" }));
    const client = new RawClient(scope, listener.address.port);
    client.send("before");
    client.sendUrgently("!");
    client.send("after");
    const socket = scope.use(await listener.accept());
    expect((await receive(socket, "beforeafter".length)).toString()).toBe("beforeafter");
  });

  it("do not hold up what was sent after them, in push style", async () => {
    await using scope = new Scope();
    const recorder = new Recorder();
    const listener = scope.use(await listen({ host: "127.0.0.1" }, recorder.handlers));
    const client = new RawClient(scope, listener.address.port);
    await recorder.next("open");
    client.send("before");
    client.sendUrgently("!");
    client.send("after");
    expect((await recorder.received("beforeafter".length)).toString()).toBe("beforeafter");
  });
});
