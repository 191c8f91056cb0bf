import { CompletionPort, connect, listen, type SendData, type TcpSocket } from "portside";
import { describe, expect, it } from "vitest";
import { dropped } from "../support/dropped.js";
import { resolveNames } from "../support/names.js";
import { accepted, netServer } from "../support/peers.js";
import { pushAccepted, pushConnected, roundTrip } from "../support/push.js";
import {
  bad,
  type Code,
  exception,
  harmless,
  PORT,
  RANGE,
  refusal,
  TYPE,
  VALUE,
} from "../support/push_refusals.js";
import { Recorder } from "../support/recorder.js";
import { Scope } from "../support/scope.js";
import { turns } from "../support/wait.js";

describe("handlers", () => {
  it.each([7, "data", true, [], () => {}].map((value) => [String(value), value]))(
    "that are no object of functions (%s) are refused",
    async (_, value) => {
      await using scope = new Scope();
      const { port } = await netServer(scope);
      await harmless(scope, async () => {
        await refusal(() => listen({ host: "127.0.0.1" }, bad(value)), TYPE);
        await refusal(() => connect({ host: "127.0.0.1", port }, bad(value)), TYPE);
      });
    },
  );

  it.each(["open", "data", "drain", "end", "error", "close"])(
    "whose %s is no function are refused",
    async (name) => {
      await using scope = new Scope();
      const { port } = await netServer(scope);
      await harmless(scope, async () => {
        for (const value of [5, "function", {}, true]) {
          await refusal(() => listen({ host: "127.0.0.1" }, bad({ [name]: value })), TYPE, name);
          await refusal(() => connect({ host: "127.0.0.1", port }, bad({ [name]: value })), TYPE, name);
        }
      });
    },
  );

  it("whose shortage is no function are refused by listen()", async () => {
    await using scope = new Scope();
    await harmless(scope, () =>
      refusal(() => listen({ host: "127.0.0.1" }, bad({ shortage: true })), TYPE, "shortage"),
    );
  });
});

describe("a host", () => {
  const endless = "x".repeat(10_000);
  const hosts: [string, string, Code][] = [
    ["that does not exist", "no-such-host.test", "ENOTFOUND"],
    ["that is far too long", endless, /^(ERR_INVALID_ARG_VALUE|ERR_OUT_OF_RANGE|ENOTFOUND)$/],
    ["with labels that are far too long", `${endless}.${endless}`, /^(ERR_INVALID_ARG_VALUE|ENOTFOUND)$/],
    ["with a NUL in it", "127.0.0.1\0.example", /^(ERR_INVALID_ARG_VALUE|ENOTFOUND)$/],
    ["with a space in it", "127.0.0.1 ", /^(ERR_INVALID_ARG_VALUE|ENOTFOUND)$/],
    ["with a port in it", "127.0.0.1:80", /^(ERR_INVALID_ARG_VALUE|ENOTFOUND)$/],
    ["that is a URL", "tcp://127.0.0.1", /^(ERR_INVALID_ARG_VALUE|ENOTFOUND)$/],
  ];
  it.each(hosts)("%s is refused by listen() and connect()", async (_, host, code) => {
    await using scope = new Scope();
    resolveNames(scope, {});
    await harmless(scope, async () => {
      for (const call of [() => listen({ host }), () => connect({ host, port: 7000 })]) {
        const error = await refusal(call, code);
        expect(error.message.length).toBeLessThan(1000);
      }
    });
  });
});

const notBytes: [string, unknown][] = [
  ["undefined", undefined],
  ["null", null],
  ["a number", 7],
  ["a boolean", true],
  ["a bigint", 7n],
  ["a symbol", Symbol("bytes")],
  ["an object", { length: 2, 0: 1, 1: 2 }],
  ["a function", () => "bytes"],
  ["the constructor of bytes", ArrayBuffer],
  ["a promise", Promise.resolve("bytes")],
  ["a list of numbers", [1, 2, 3]],
  ["a list with null", ["fine", null]],
  ["a list of lists", [["fine"]]],
];

describe("data that is not bytes", () => {
  it.each(notBytes)(
    "(%s) is refused by send(), write() and Operation.send; the socket goes on",
    async (_, data) => {
      await using scope = new Scope();
      const { socket, peer, recorder } = await pushAccepted(scope);
      const operation = CompletionPort.default.operation(() => {});
      await harmless(scope, async () => {
        await refusal(() => socket.send(bad(data)), TYPE);
        exception(() => socket.write(bad(data)), TYPE);
        exception(() => operation.send(socket, bad(data)), TYPE);
        expect(operation.pending).toBe(false);
      });
      expect(socket.writableLength).toBe(0);
      socket.write("still ");
      await socket.send("fine");
      expect((await peer.read(10)).toString()).toBe("still fine");
      await peer.write("so am I");
      await recorder.received(7);
    },
  );

  const pieces: [string, unknown][] = [
    ["nothing", undefined],
    ["a string", "buffer"],
    ["a list", [1, 2]],
    ["an ArrayBuffer", new ArrayBuffer(8)],
    ["a number", 8],
  ];
  it.each(pieces)(
    "(%s) is refused by recvInto() and Operation.recv; the socket goes on",
    async (_, buffer) => {
      await using scope = new Scope();
      const { socket, peer } = await accepted(scope);
      const operation = CompletionPort.default.operation(() => {});
      await harmless(scope, async () => {
        await refusal(() => socket.recvInto(bad(buffer)), TYPE);
        exception(() => operation.recv(socket, bad(buffer)), TYPE);
        expect(operation.pending).toBe(false);
      });
      await peer.write("fine");
      expect(Buffer.from((await socket.recv())!).toString()).toBe("fine");
    },
  );
});

describe("an argument of a socket's method", () => {
  const wrong: [string, (socket: TcpSocket) => unknown, Code][] = [
    ["setNoDelay('yes')", (socket) => socket.setNoDelay(bad("yes")), TYPE],
    ["setNoDelay(null)", (socket) => socket.setNoDelay(bad(null)), TYPE],
    ["setKeepAlive(1)", (socket) => socket.setKeepAlive(bad(1)), TYPE],
    ["setKeepAlive(true, '5000')", (socket) => socket.setKeepAlive(true, bad("5000")), TYPE],
    ["setKeepAlive(true, -1)", (socket) => socket.setKeepAlive(true, -1), RANGE],
    ["setKeepAlive(true, 999)", (socket) => socket.setKeepAlive(true, 999), RANGE],
    ["setKeepAlive(true, NaN)", (socket) => socket.setKeepAlive(true, Number.NaN), RANGE],
  ];
  it.each(wrong)("%s is refused; the socket goes on", async (_, call, code) => {
    await using scope = new Scope();
    const { socket, peer } = await pushConnected(
      scope,
      new Recorder({ data: (its, chunk) => void its.write(chunk) }),
    );
    await harmless(scope, async () => exception(() => call(socket), code));
    await roundTrip(peer);
  });

  it.each([0, -1, 65_537, 1.5, Number.NaN])("recv({ size: %d }) is refused", async (size) => {
    await using scope = new Scope();
    const { socket } = await accepted(scope);
    await harmless(scope, () => refusal(() => socket.recv({ size }), RANGE, "size"));
  });

  it("recv(5) is refused", async () => {
    await using scope = new Scope();
    const { socket } = await accepted(scope);
    await harmless(scope, () => refusal(() => socket.recv(bad(5)), TYPE));
  });

  it.each(["pause", "resume"] as const)("%s() in pull style is refused", async (method) => {
    await using scope = new Scope();
    const { socket } = await accepted(scope);
    await harmless(scope, async () => exception(() => socket[method](), "ERR_INVALID_STATE"));
    expect(await socket.send("x")).toBe(1);
  });
});

describe("a signal that is already aborted", () => {
  const reason = new Error("not wanted");
  const signal = AbortSignal.abort(reason);

  async function aborted(call: () => Promise<unknown>): Promise<void> {
    const error = await refusal(call, "ECANCELED");
    expect(error.name).toBe("AbortError");
    expect(error.cause).toBe(reason);
  }

  it("keeps listen() from opening anything", async () => {
    await using scope = new Scope();
    await harmless(scope, () => aborted(() => listen({ host: "127.0.0.1", signal })));
  });

  it("keeps connect() from opening anything", async () => {
    await using scope = new Scope();
    const { port } = await netServer(scope);
    await harmless(scope, () => aborted(() => connect({ host: "127.0.0.1", port, signal })));
  });

  it("keeps send() and shutdown() from doing anything", async () => {
    await using scope = new Scope();
    const { socket, peer } = await pushAccepted(scope);
    await harmless(scope, async () => {
      await aborted(() => socket.send("never", { signal }));
      await aborted(() => socket.shutdown({ signal }));
    });
    await socket.send("always");
    await socket.shutdown();
    expect((await peer.readToEnd()).toString()).toBe("always");
  });

  it("keeps recv(), recvInto() and accept() from taking anything", async () => {
    await using scope = new Scope();
    const { socket, peer } = await accepted(scope);
    const listener = scope.use(await listen({ host: "127.0.0.1" }));
    await peer.write("waits");
    await turns();
    await harmless(scope, async () => {
      await aborted(() => socket.recv({ signal }));
      await aborted(() => socket.recvInto(new Uint8Array(8), { signal }));
      await aborted(() => listener.accept({ signal }));
    });
    expect(Buffer.from((await socket.recv())!).toString()).toBe("waits");
  });
});

describe("what is closed", () => {
  it("a socket refuses everything with EBADF, and drops what is written", async () => {
    await using scope = new Scope();
    const { socket } = await accepted(scope);
    const operation = CompletionPort.default.operation(() => {});
    await socket.close();
    await harmless(scope, async () => {
      await refusal(() => socket.recv(), "EBADF");
      await refusal(() => socket.recvInto(new Uint8Array(1)), "EBADF");
      await refusal(() => socket.send("x"), "EBADF");
      await refusal(() => socket.shutdown(), "EBADF");
      dropped(socket);
      exception(() => socket.setNoDelay(), "EBADF");
      exception(() => socket.setKeepAlive(), "EBADF");
      exception(() => operation.recv(socket, new Uint8Array(1)), "EBADF");
      exception(() => operation.send(socket, "x"), "EBADF");
    });
  });

  it("a listener refuses everything with EBADF", async () => {
    await using scope = new Scope();
    const listener = await listen({ host: "127.0.0.1" });
    const operation = CompletionPort.default.operation(() => {});
    await listener.close();
    await harmless(scope, async () => {
      await refusal(() => listener.accept(), "EBADF");
      exception(() => operation.accept(listener), "EBADF");
    });
  });

  it("a completion port refuses everything with EBADF", async () => {
    await using scope = new Scope();
    const { port } = await netServer(scope);
    const closed = new CompletionPort();
    const operation = closed.operation(() => {});
    await closed.close();
    await harmless(scope, async () => {
      await refusal(() => listen({ host: "127.0.0.1", completionPort: closed }), "EBADF");
      await refusal(() => connect({ host: "127.0.0.1", port, completionPort: closed }), "EBADF");
      exception(() => closed.post("x"), "EBADF");
      exception(() => closed.operation(() => {}), "EBADF");
      exception(() => operation.timer(1), "EBADF");
    });
  });
});

describe("a port that is used", () => {
  it("refuses a second listener, and the first one goes on", async () => {
    await using scope = new Scope();
    const first = scope.use(await listen({ host: "127.0.0.1" }));
    const { port } = first.address;
    await harmless(scope, () => refusal(() => listen({ host: "127.0.0.1", port }), "EADDRINUSE"));
    const [server, client] = await Promise.all([first.accept(), connect({ host: "127.0.0.1", port })]);
    scope.use(server);
    scope.use(client);
  });

  it("refuses fifty more at once, and is free again when the first is closed", async () => {
    await using scope = new Scope();
    const first = await listen({ host: "127.0.0.1" });
    const { port } = first.address;
    await harmless(scope, () =>
      Promise.all(
        Array.from({ length: 50 }, () => refusal(() => listen({ host: "127.0.0.1", port }), "EADDRINUSE")),
      ),
    );
    await first.close();
    scope.use(await listen({ host: "127.0.0.1", port }));
  });
});

describe("an argument of a completion port's method that is refused:", () => {
  const wrong: [string, (port: CompletionPort) => unknown, Code][] = [
    ["operation() without a handler", (port) => port.operation(bad(undefined)), TYPE],
    ["operation({})", (port) => port.operation(bad({})), TYPE],
    ["on() of an unknown event", (port) => port.on(bad("postd"), () => {}), VALUE],
    ["on() without a function", (port) => port.on("posted", bad("listener")), TYPE],
    ["CompletionPort.post() to a name", () => CompletionPort.post(bad("default"), 1), TYPE],
    ["CompletionPort.post() to an unknown port", () => CompletionPort.post(4_000_000_000, 1), "ENOENT"],
    ["timer('1')", (port) => port.operation(() => {}).timer(bad("1")), TYPE],
    ["timer(-1)", (port) => port.operation(() => {}).timer(-1), RANGE],
    ["timer(2 ** 31)", (port) => port.operation(() => {}).timer(2 ** 31), RANGE],
    ["timer(NaN)", (port) => port.operation(() => {}).timer(Number.NaN), RANGE],
    ["recv() of no socket", (port) => port.operation(() => {}).recv(bad({}), new Uint8Array(1)), TYPE],
    ["send() of no socket", (port) => port.operation(() => {}).send(bad(null), "x"), TYPE],
    ["accept() of no listener", (port) => port.operation(() => {}).accept(bad("listener")), TYPE],
  ];
  it.each(wrong)("%s", async (_, call, code) => {
    await using scope = new Scope();
    await harmless(scope, async () => exception(() => call(CompletionPort.default), code));
  });
});

describe("a storm of refusals", () => {
  it("of all kinds leaves nothing behind and the neighbour echoing", async () => {
    await using scope = new Scope();
    const { socket, peer } = await pushAccepted(scope);
    const { port } = await netServer(scope);
    const data: SendData = bad({ not: "bytes" });
    await harmless(scope, async () => {
      for (let round = 0; round < 100; round++) {
        await Promise.all([
          refusal(() => listen({ host: "127.0.0.1", port: -round - 1 }), PORT),
          refusal(() => listen({ host: "127.0.0.1", port }), "EADDRINUSE"),
          refusal(() => connect({ host: "127.0.0.1", port: 65_536 + round }), PORT),
          refusal(() => connect({ host: "127.0.0.1", port, signal: AbortSignal.abort() }), "ECANCELED"),
          refusal(() => socket.send(data), TYPE),
          refusal(() => socket.recv(), "ERR_INVALID_STATE"),
        ]);
        exception(() => socket.write(data), TYPE);
      }
    });
    await socket.send("calm");
    expect((await peer.read(4)).toString()).toBe("calm");
  });
});
