import { spawn } from "node:child_process";
import { connect as netConnect } from "node:net";
import { listen } from "portside";
import { describe, expect, it } from "vitest";
import { accepted, connected } from "../support/peers.js";
import { howItEnds } from "../support/push.js";
import { Scope } from "../support/scope.js";
import { event } from "../support/wait.js";

/** Starts a program that lives until the scope ends. */
async function startProgram(scope: Scope): Promise<void> {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  scope.defer(() => child.kill("SIGKILL"));
  await event(child, "spawn");
}

// A program that holds somebody else's socket keeps it open, whatever its owner does.
describe("a program that is started inherits", () => {
  it("no listener: it takes no connection once its owner has closed it", async () => {
    await using scope = new Scope();
    const listener = await listen({ host: "127.0.0.1" });
    await startProgram(scope);
    await listener.close();
    const socket = netConnect({ host: "127.0.0.1", port: listener.address.port });
    socket.on("connect", () => socket.destroy(Object.assign(new Error(), { code: "connected" })));
    expect((await event<NodeJS.ErrnoException>(socket, "error")).code).toBe("ECONNREFUSED");
  });

  it("no accepted socket: its peer sees the end once its owner has closed it", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    await startProgram(scope);
    await socket.close();
    expect(await howItEnds(peer)).toBe("end");
  });

  it("no connected socket: its peer sees the end once its owner has closed it", async () => {
    await using scope = new Scope();
    const { socket, peer } = await connected(scope);
    await startProgram(scope);
    await socket.close();
    expect(await howItEnds(peer)).toBe("end");
  });
});
