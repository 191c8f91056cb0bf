import { describe, expect, it } from "vitest";
import { thrown } from "../support/failure.js";
import { sides } from "../support/push.js";
import { Recorder } from "../support/recorder.js";
import { Scope } from "../support/scope.js";
import { until } from "../support/wait.js";

describe.each(sides)("settings of $side", ({ open }) => {
  it.each(["end", "reset"] as const)(
    "that has closed itself after the peer's %s() have no effect, and throw for bad arguments only",
    async (way) => {
      await using scope = new Scope();
      const { socket, peer } = await open(scope, new Recorder({}, ["end"]));
      await peer[way]();
      await until(() => socket.closed);
      expect(socket.setNoDelay(false).setKeepAlive(true, 5000).setUserTimeout(1000)).toBe(socket);
      thrown(() => socket.setNoDelay(1 as never), "ERR_INVALID_ARG_TYPE");
      thrown(() => socket.setKeepAlive(true, 1), "ERR_OUT_OF_RANGE");
      await socket.close();
      expect(socket.setNoDelay().setKeepAlive(false).setUserTimeout(0)).toBe(socket);
    },
  );

  it("that the program has closed are refused", async () => {
    await using scope = new Scope();
    const { socket } = await open(scope);
    void socket.close();
    thrown(() => socket.setNoDelay(), "EBADF");
    thrown(() => socket.setKeepAlive(), "EBADF");
    thrown(() => socket.setUserTimeout(5), "EBADF");
  });
});
