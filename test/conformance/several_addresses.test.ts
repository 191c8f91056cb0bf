import { connect, type LookupFunction } from "portside";
import { describe, expect, it } from "vitest";
import { failure } from "../support/failure.js";
import { hasIpv6, netServer, refusingPort, stalledEndpoint } from "../support/peers.js";
import { Scope } from "../support/scope.js";

const both: LookupFunction = (_, __, callback) =>
  callback(null, [
    { address: "::1", family: 6 },
    { address: "127.0.0.1", family: 4 },
  ]);

describe.skipIf(!hasIpv6)("a connect that fails at several addresses (this needs ::1)", () => {
  it("carries all errors, and its message names each", async () => {
    await using scope = new Scope();
    const port = await refusingPort(scope, "::1", "127.0.0.1");
    const error = await failure(connect({ host: "both.test", port, lookup: both }), "ECONNREFUSED");
    expect(error.errors).toMatchObject([
      { code: "ECONNREFUSED", syscall: "connect", address: "::1", port },
      { code: "ECONNREFUSED", syscall: "connect", address: "127.0.0.1", port },
    ]);
    expect(error).toMatchObject({ syscall: "connect", address: "::1", port });
    for (const word of ["both.test", `[::1]:${port} ECONNREFUSED`, `127.0.0.1:${port} ECONNREFUSED`])
      expect(error.message).toContain(word);
  });

  it("has the code of the one that failed first", async () => {
    await using scope = new Scope();
    const port = await refusingPort(scope, "127.0.0.1");
    // A zone that does not exist fails before anything else can.
    for (const [addresses, code] of [
      [["fe80::1%nosuch0", "127.0.0.1"], "ENODEV"],
      [["127.0.0.1", "fe80::1%nosuch0"], "ECONNREFUSED"],
    ] as const) {
      const lookup: LookupFunction = (_, __, callback) =>
        callback(
          null,
          addresses.map((address) => ({ address, family: 0 })),
        );
      const error = await failure(connect({ host: "both.test", port, attemptDelay: 60_000, lookup }), code);
      expect(error.errors).toMatchObject(addresses.map((address) => ({ address })));
    }
  });

  it("at the end of its time says what each did", async () => {
    await using scope = new Scope();
    const { host, port } = await stalledEndpoint(scope);
    const lookup: LookupFunction = (_, __, callback) =>
      callback(null, [
        { address: "fe80::1%nosuch0", family: 6 },
        { address: host, family: 4 },
      ]);
    const error = await failure(connect({ host: "both.test", port, lookup, timeout: 200 }), "ETIMEDOUT");
    expect(error).toMatchObject({ address: "both.test", port });
    expect(error.errors).toMatchObject([
      { code: "ENODEV", address: "fe80::1%nosuch0" },
      { code: "ETIMEDOUT", address: host },
    ]);
    expect(error.message).toContain("ENODEV");
  });

  it("tries both families by turns, whatever the resolver's order", async () => {
    await using scope = new Scope();
    const port = await refusingPort(scope, "127.0.0.1", "::1");
    // Nobody can connect to the second one.
    const addresses = ["127.0.0.1", "255.255.255.255", "::1"];
    const lookup: LookupFunction = (_, __, callback) =>
      callback(
        null,
        addresses.map((address) => ({ address, family: 0 })),
      );
    const error = await failure(connect({ host: "both.test", port, attemptDelay: 60_000, lookup }));
    expect(error.errors).toMatchObject(
      ["127.0.0.1", "::1", "255.255.255.255"].map((address) => ({ address })),
    );
  });

  it("does not end while one of them is still being tried", async () => {
    await using scope = new Scope();
    const { host, port } = await stalledEndpoint(scope);
    const lookup: LookupFunction = (_, __, callback) =>
      callback(null, [
        { address: host, family: 4 },
        { address: "fe80::1%nosuch0", family: 6 },
      ]);
    const options = { host: "both.test", port, lookup, attemptDelay: 10, timeout: 300 };
    const error = await failure(connect(options), "ETIMEDOUT");
    expect(error.errors).toMatchObject([{ code: "ENODEV" }, { code: "ETIMEDOUT", address: host }]);
  });

  it("has no list when there was one address only", async () => {
    await using scope = new Scope();
    const port = await refusingPort(scope);
    const error = await failure(connect({ host: "127.0.0.1", port }), "ECONNREFUSED");
    expect(error).not.toHaveProperty("errors");
  });

  it("says nothing of what failed when one stands", async () => {
    await using scope = new Scope();
    const server = await netServer(scope);
    scope.use(await connect({ host: "both.test", port: server.port, lookup: both }));
  });
});
