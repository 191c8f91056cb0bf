import { readFileSync } from "node:fs";
import { CompletionPort, type TcpSocket } from "portside";
import { beforeAll, describe, expect, it } from "vitest";
import { pair } from "../support/peers.js";
import { run } from "../support/programs.js";
import { Scope } from "../support/scope.js";
import { note } from "../support/wait.js";

const program = new URL("../programs/stacks.mjs", import.meta.url);
const lines = readFileSync(program, "utf8").split("\n");

/** The line that is marked with that name. */
function lineOf(name: string): number {
  const index = lines.findIndex((line) => line.endsWith(`//= ${name}`));
  if (index < 0) throw new Error(`no line is marked ${name}`);
  return index + (lines[index]!.trim().startsWith("//=") ? 2 : 1);
}

describe("the stack of an error of", () => {
  let results: Record<string, { code: string; stack: string }>;
  beforeAll(async () => {
    const { stdout, stderr, code } = await run("stacks.mjs");
    expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
    results = JSON.parse(stdout);
  });

  const cases: [name: string, code: RegExp, ...through: string[]][] = [
    ["connect, refused", /^ECONNREFUSED$/],
    ["connect, too late", /^ETIMEDOUT$/],
    ["connect, unknown name", /^ENOTFOUND$/],
    ["connect, aborted", /^ECANCELED$/],
    ["connect, with a wrong option", /^ERR_INVALID_ARG_VALUE$/],
    ["listen, in use", /^EADDRINUSE$/],
    ["listen, aborted", /^ECANCELED$/],
    ["listen, its completion port closed", /^EBADF$/],
    ["listen, unknown name", /^ENOTFOUND$/],
    ["accept, cancelled", /^ECANCELED$/],
    ["recv, reset", /^ECONNRESET$/],
    ["recv, aborted", /^ECANCELED$/],
    ["recv, refused", /^EBADF$/],
    ["recvInto, reset", /^ECONNRESET$/],
    ["recvInto, detached", /^EFAULT$/],
    ["send, reset", /^(ECONNRESET|EPIPE)$/],
    ["send, closed", /^ECANCELED$/],
    ["send, refused", /^EPIPE$/],
    ["shutdown, closed", /^ECANCELED$/],
    ["drained, closed", /^ECANCELED$/],
    ["drained, reset", /^(ECONNRESET|EPIPE)$/],
    ["wrapper", /^ECONNRESET$/, "wrapper, inside", "wrapper, between"],
    ["for await, a socket", /^ECONNRESET$/],
    ["Promise.all", /^(ECONNRESET|EPIPE)$/],
    ["a handler that awaits", /^ECANCELED$/],
  ];
  it.each(cases)("(%s) names the caller's line", (name, code, ...through) => {
    const { code: its, stack } = results[name]!;
    expect(its).toMatch(code);
    const [first = ""] = stack.split("\n");
    expect(first).toContain(its.startsWith("ERR_") ? "" : its);
    for (const place of [...through, name]) expect(stack).toContain(`stacks.mjs:${lineOf(place)}:`);
  });

  it("all of them is tested", () => {
    expect(Object.keys(results).sort()).toEqual(cases.map(([name]) => name).sort());
  });
});

describe("promises settle in the order of their completions, though a rejection", () => {
  it("is followed by a success", async () => {
    for (let round = 0; round < 50; round++) {
      await using scope = new Scope();
      const { client, server } = await pair(scope);
      const order: string[] = [];
      const controllers = [new AbortController(), new AbortController()];
      const pending = [
        note(order, "cancelled 1", client.recv({ signal: controllers[0]!.signal })),
        note(order, "cancelled 2", client.recv({ signal: controllers[1]!.signal })),
        note(order, "received 1", client.recv({ size: 1 })),
        note(order, "received 2", client.recvInto(new Uint8Array(1))),
      ];
      for (const controller of controllers) controller.abort();
      await server.send("xy");
      expect(await Promise.all(pending)).toEqual(["ECANCELED", "ECANCELED", "done", "done"]);
      expect(order).toEqual(["cancelled 1", "cancelled 2", "received 1", "received 2"]);
    }
  });

  it.each(["close", "reset"] as const)("comes right before the end of a %s()", async (way) => {
    await using scope = new Scope();
    const { client } = await pair(scope);
    const order: string[] = [];
    const names = Array.from({ length: 100 }, (_, index) => `recv ${index}`);
    const receives = names.map((name) => note(order, name, client.recv()));
    await note(order, way, client[way]());
    expect(new Set(await Promise.all(receives))).toEqual(new Set(["ECANCELED"]));
    expect(order).toEqual([...names, way]);
  });

  it("comes right before the end of a port", async () => {
    await using scope = new Scope();
    const port = new CompletionPort();
    const { client, server } = await pair(scope, { completionPort: port });
    const order: string[] = [];
    const call = (socket: TcpSocket, name: string) => note(order, name, socket.recv());
    const receives = [call(client, "client"), call(server, "server"), call(client, "client")];
    await note(order, "port", port.close());
    await Promise.all(receives);
    expect(order.at(-1)).toBe("port");
    expect(order).toHaveLength(4);
  });
});
