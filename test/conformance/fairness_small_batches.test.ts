import { CompletionPort, listen } from "portside";
import { describe, expect, it } from "vitest";
import { Completions } from "../support/completions.js";
import { pair } from "../support/peers.js";
import { flood } from "../support/push.js";
import { Scope } from "../support/scope.js";
import { deferred, until } from "../support/wait.js";

describe("batches of one completion", () => {
  it("let sends complete beside sockets that are never quiet", async () => {
    await using scope = new Scope();
    const port = scope.use(new CompletionPort({ batch: 1 }));
    const { client } = await pair(scope, { completionPort: port });
    const sends = 100;
    let calls = 0;
    let most = Number.POSITIVE_INFINITY;
    const starved = deferred<string>();
    const listener = await listen(
      { host: "127.0.0.1", completionPort: port, borrow: true },
      {
        data() {
          if (++calls > most) starved.resolve("starved");
        },
      },
    );
    await flood(scope, listener.address.port, 40);
    await until(() => calls > 100);
    most = calls + 20 * sends;
    const done = Array.from({ length: sends }, () => {
      const completions = new Completions(port);
      completions.operation.send(client, "x");
      return completions.nth(1);
    });
    expect(await Promise.race([starved.promise, Promise.all(done).then(() => "done")])).toBe("done");
  });
});
