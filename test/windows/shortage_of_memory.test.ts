import { CompletionPort, connect, listen } from "portside";
import { afterEach, describe, expect, it } from "vitest";
import { addon } from "../../dist/src/native.js";
import { Scope } from "../support/scope.js";

afterEach(() => {
  addon.refuseRequests(0);
});

describe("requests that Windows refuses for want of memory (WSAENOBUFS)", () => {
  it("pause a listener that has no accept left, and it recovers by itself", async () => {
    await using scope = new Scope();
    const shortages: (string | null)[] = [];
    const port = scope.use(new CompletionPort());
    addon.refuseRequests(1);
    const listener = scope.use(
      await listen(
        { host: "127.0.0.1", completionPort: port },
        {
          data: (socket, chunk) => void socket.write(chunk),
          shortage: (_, error) => void shortages.push(error === null ? null : error.code),
        },
      ),
    );
    const connecting = connect({ host: "127.0.0.1", port: listener.address.port });
    const socket = scope.use(await connecting);
    while (shortages.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(port.stats().postedAccepts).toBe(0);
    addon.refuseRequests(0);
    await socket.send("still there");
    expect(Buffer.from((await socket.recv()) ?? []).toString()).toBe("still there");
    expect(shortages).toEqual(["ENOBUFS", null]);
  });
});
