import dns from "node:dns";
import { CompletionPort, connect, type LookupFunction, listen } from "portside";
import { describe, expect, it } from "vitest";
import { failure } from "../support/failure.js";
import { hasIpv6, netServer } from "../support/peers.js";
import { Scope } from "../support/scope.js";
import { deferred } from "../support/wait.js";

type Answer = (callback: (...answer: unknown[]) => void) => unknown;

/** A look-up that does as it is told, whatever the types say. */
const answering = (answer: Answer): LookupFunction =>
  ((_: string, __: unknown, callback: never) => answer(callback)) as LookupFunction;

const four = { address: "127.0.0.1", family: 4 };
const six = { address: "::1", family: 6 };

describe("the lookup option", () => {
  it("is asked for the name, the family and all addresses", async () => {
    await using scope = new Scope();
    const server = await netServer(scope);
    const asked: unknown[] = [];
    const lookup: LookupFunction = (hostname, options, callback) => {
      asked.push(hostname, options);
      callback(null, [four]);
    };
    scope.use(await connect({ host: "some.test", port: server.port, family: 4, lookup }));
    expect(asked).toEqual(["some.test", { all: true, family: 4 }]);
  });

  type Waiting = (options: { lookup: LookupFunction; completionPort: CompletionPort }) => Promise<unknown>;
  const waitings: [string, Waiting][] = [
    ["a connect", (options) => connect({ ...options, host: "some.test", port: 9 })],
    ["a connect with a time-out", (it) => connect({ ...it, host: "some.test", port: 9, timeout: 3_600_000 })],
    ["a listen", (options) => listen({ ...options, host: "some.test" })],
    [
      "a listen with a signal",
      (options) => listen({ ...options, host: "some.test", signal: new AbortController().signal }),
    ],
  ];
  const closings: ((port: CompletionPort, asked: Promise<void>) => unknown)[] = [
    (port) => port.close(),
    async (port, asked) => {
      await asked;
      await port.close();
    },
  ];
  it.each(waitings)("may never answer: the close of the port ends %s all the same", async (_, waiting) => {
    for (const close of closings) {
      const port = new CompletionPort();
      const asked = deferred();
      const failed = failure(waiting({ lookup: () => asked.resolve(), completionPort: port }), "EBADF");
      await close(port, asked.promise);
      await failed;
    }
    for (const andThen of [() => {}, () => AbortSignal.abort().throwIfAborted()]) {
      const port = new CompletionPort();
      const lookup = () => {
        void port.close();
        andThen();
      };
      await failure(waiting({ lookup, completionPort: port }), "EBADF");
    }
  });

  it("may be Node's own", async () => {
    await using scope = new Scope();
    const server = await netServer(scope);
    scope.use(await connect({ host: "localhost", port: server.port, lookup: dns.lookup }));
    scope.use(await listen({ host: "localhost", lookup: dns.lookup }));
  });

  it("is not asked for an address", async () => {
    await using scope = new Scope();
    const lookup = () => {
      throw new Error("asked");
    };
    scope.use(await listen({ host: "127.0.0.1", lookup }));
  });

  const answers: [string, Answer][] = [
    ["one address and its family", (callback) => callback(null, "127.0.0.1", 4)],
    ["a list", (callback) => callback(null, [four])],
    ["later", (callback) => setImmediate(() => callback(null, "127.0.0.1", 4))],
    ["a wrong family with a right address", (callback) => callback(null, "127.0.0.1", 6)],
    ["undefined for no error", (callback) => callback(undefined, [four])],
    [
      "twice",
      (callback) => {
        callback(null, [four]);
        callback(new Error("again"));
      },
    ],
    [
      "and then throws",
      (callback) => {
        callback(null, [four]);
        throw new Error("after all");
      },
    ],
    ["garbage and an address", (callback) => callback(null, [null, {}, { address: 5 }, "::x", four])],
  ];
  it.each(answers)("may answer %s", async (_, answer) => {
    await using scope = new Scope();
    const lookup = answering(answer);
    const listener = scope.use(await listen({ host: "some.test", lookup }));
    expect(listener.address.address).toBe("127.0.0.1");
    scope.use(await connect({ host: "some.test", port: listener.address.port, lookup }));
  });

  const coded = Object.assign(new Error("no answer"), { code: "EAI_AGAIN" });
  const failures: [string, Answer, string][] = [
    ["nothing", (callback) => callback(null), "ENOTFOUND"],
    ["null", (callback) => callback(null, null), "ENOTFOUND"],
    ["an empty text", (callback) => callback(null, ""), "ENOTFOUND"],
    ["an empty list", (callback) => callback(null, []), "ENOTFOUND"],
    ["no text but a number", (callback) => callback(null, 7), "ERR_INVALID_IP_ADDRESS"],
    ["what is no address", (callback) => callback(null, "some.test", 4), "ERR_INVALID_IP_ADDRESS"],
    ["a list of garbage", (callback) => callback(null, [null, 5, {}]), "ERR_INVALID_IP_ADDRESS"],
    [
      "a list that cannot be read",
      (callback) =>
        callback(
          null,
          new Proxy([], {
            get: () => {
              throw new Error("no");
            },
          }),
        ),
      "ERR_INVALID_IP_ADDRESS",
    ],
    ["an error", (callback) => callback(coded), "EAI_AGAIN"],
    ["an error without a code", (callback) => callback(new Error("no")), "ENOTFOUND"],
    ["a text for an error", (callback) => callback("no"), "ENOTFOUND"],
    [
      "an error whose code cannot be read",
      (callback) =>
        callback({
          get code() {
            throw new Error("no");
          },
        }),
      "ENOTFOUND",
    ],
    [
      "by throwing",
      () => {
        throw coded;
      },
      "EAI_AGAIN",
    ],
    ["by a promise that rejects", () => Promise.reject(coded), "EAI_AGAIN"],
  ];
  it.each(failures)("that answers %s is an error of listen() and of connect()", async (_, answer, code) => {
    const lookup = answering(answer);
    const error = await failure(listen({ host: "some.test", lookup }), code);
    expect(error).toMatchObject({ syscall: "lookup", address: "some.test" });
    expect(error.message).toContain("some.test");
    await failure(connect({ host: "some.test", port: 9, lookup }), code);
  });

  it("that answers with another family than was asked for has answered nothing", async () => {
    const lookup: LookupFunction = (_, __, callback) => callback(null, [six]);
    await failure(connect({ host: "some.test", port: 9, family: 4, lookup }), "ENOTFOUND");
    await failure(listen({ host: "some.test", family: 4, lookup }), "ENOTFOUND");
  });
});

describe.skipIf(!hasIpv6)("the order of a name's addresses (this needs ::1)", () => {
  it("is what dns.setDefaultResultOrder() says", async () => {
    await using scope = new Scope();
    const before = dns.getDefaultResultOrder();
    scope.defer(() => dns.setDefaultResultOrder(before));
    const { lookup } = dns;
    scope.defer(() => void Object.assign(dns, { lookup }));
    // Node's own function reads the order when no option says another.
    const asked: object[] = [];
    Object.assign(dns, {
      lookup(_: string, options: object, callback: (error: null, found: unknown) => void) {
        asked.push(options);
        callback(null, dns.getDefaultResultOrder() === "ipv4first" ? [four, six] : [six, four]);
      },
    });
    for (const [order, address] of [
      ["ipv4first", "127.0.0.1"],
      ["verbatim", "::1"],
    ] as const) {
      dns.setDefaultResultOrder(order);
      const listener = scope.use(await listen({ host: "both.test" }));
      expect(listener.address.address).toBe(address);
    }
    for (const options of asked) {
      expect(options).not.toHaveProperty("verbatim");
      expect(options).not.toHaveProperty("order");
    }
  });

  it("holds for connect(), families taking turns after the first", async () => {
    await using scope = new Scope();
    const server = await netServer(scope);
    const tried: string[] = [];
    for (const answer of [
      [four, six],
      [six, four],
    ]) {
      const socket = await connect({
        host: "both.test",
        port: server.port,
        lookup: (_, __, callback) => callback(null, answer),
      });
      tried.push(socket.remoteAddress!.address);
      await socket.close();
    }
    expect(tried).toEqual(["127.0.0.1", "127.0.0.1"]);
  });
});

describe("the family option of listen()", () => {
  it("4 without a host means every IPv4 address", async () => {
    await using scope = new Scope();
    const listener = scope.use(await listen({ family: 4 }));
    expect(listener.address).toMatchObject({ address: "0.0.0.0", family: "IPv4" });
  });

  it.skipIf(!hasIpv6)("takes only addresses of that family (this needs ::1)", async () => {
    await using scope = new Scope();
    const lookup: LookupFunction = (_, __, callback) => callback(null, [four, six]);
    for (const [family, address] of [
      [4, "127.0.0.1"],
      [6, "::1"],
    ] as const) {
      const listener = scope.use(await listen({ host: "both.test", family, lookup }));
      expect(listener.address.address).toBe(address);
    }
  });

  it("refuses an address of the other one", async () => {
    await failure(listen({ host: "127.0.0.1", family: 6 }), "EAFNOSUPPORT");
  });
});

describe("listening by a name", () => {
  // An address of documentation (RFC 5737) that no machine has.
  const nowhere = { address: "192.0.2.123", family: 4 };

  it("tries its addresses in order", async () => {
    await using scope = new Scope();
    const lookup: LookupFunction = (_, __, callback) => callback(null, [nowhere, four]);
    const listener = scope.use(await listen({ host: "some.test", lookup }));
    expect(listener.address.address).toBe("127.0.0.1");
  });

  it.skipIf(!hasIpv6)("goes on after a link-local address without its zone (this needs ::1)", async () => {
    await using scope = new Scope();
    const local = { address: "fe80::1", family: 6 };
    const lookup: LookupFunction = (_, __, callback) => callback(null, [local, four]);
    const listener = scope.use(await listen({ host: "some.test", lookup }));
    expect(listener.address.address).toBe("127.0.0.1");
  });

  it("fails with the first one's error when none will do, and carries all", async () => {
    await using scope = new Scope();
    const taken = scope.use(await listen({ host: "127.0.0.1" }));
    const { port } = taken.address;
    const lookup: LookupFunction = (_, __, callback) => callback(null, [nowhere, four]);
    const error = await failure(listen({ host: "some.test", port, lookup }), "EADDRNOTAVAIL");
    expect(error.errors).toMatchObject([
      { code: "EADDRNOTAVAIL", address: nowhere.address },
      { code: "EADDRINUSE", address: "127.0.0.1" },
    ]);
    for (const word of [
      "some.test",
      `${nowhere.address}:${port} EADDRNOTAVAIL`,
      `127.0.0.1:${port} EADDRINUSE`,
    ])
      expect(error.message).toContain(word);
  });
});
