import { networkInterfaces } from "node:os";
import { connect, type LookupFunction, listen } from "portside";
import { describe, expect, it } from "vitest";
import { receive } from "../support/bytes.js";
import { failure } from "../support/failure.js";
import { hasIpv6, netServer } from "../support/peers.js";
import { Scope } from "../support/scope.js";

const wrong = [
  ["fe80::1%nosuch0", "nosuch0"],
  ["fe80::1%no_such", "no_such"],
  ["::%bad", "bad"],
  ["::1%1abc", "1abc"],
  ["::1%bad", "bad"],
  ["::1%4294967295", "4294967295"],
  ["::1%99999999999999999999", "99999999999999999999"],
  ["::1%0", "0"],
  ["::1%", ""],
  ["::1%-1", "-1"],
  ["::1% 1", " 1"],
  ["::1%1%1", "1%1"],
  ["::1%lo:1", "lo:1"],
] as const;

describe.skipIf(!hasIpv6)("a zone that does not exist (this needs ::1)", () => {
  it.each(wrong)("%s is an error of listen() that names it", async (host, zone) => {
    const error = await failure(listen({ host }), "ENODEV");
    expect(error.message).toContain(JSON.stringify(zone));
    expect(error).toMatchObject({ address: host, port: 0 });
  });

  it.each(wrong)("%s is an error of connect() that names it", async (host, zone) => {
    await using scope = new Scope();
    const { port } = await netServer(scope, "::1");
    const error = await failure(connect({ host, port }), "ENODEV");
    expect(error.message).toContain(JSON.stringify(zone));
    const local = await failure(connect({ host: "::1", port, localAddress: host }), "ENODEV");
    expect(local.message).toContain(JSON.stringify(zone));
    expect(local.address).toBe(host);
  });

  it("is none of a lookup's answers either, whatever a NUL hides of it", async () => {
    await using scope = new Scope();
    const { port } = await netServer(scope, "::1");
    const hidden = "::1%1\0nosuch";
    const lookup: LookupFunction = (_, __, callback) => callback(null, hidden);
    await failure(listen({ host: "some.test", lookup }), "ERR_INVALID_IP_ADDRESS");
    await failure(connect({ host: "some.test", port, lookup }), "ERR_INVALID_IP_ADDRESS");
  });

  it("of an IPv4 address is no address at all", async () => {
    await failure(listen({ host: "127.0.0.1%1" }), /^(ENOTFOUND|EAI_\w+)$/);
  });
});

describe.skipIf(!hasIpv6)("a zone that exists (this needs ::1)", () => {
  it("may be a number, and changes nothing where there is only one", async () => {
    await using scope = new Scope();
    const server = await netServer(scope, "::1");
    // Everywhere the first interface is the loopback.
    const socket = scope.use(await connect({ host: "::1%1", port: server.port }));
    expect(socket.remoteAddress!.port).toBe(server.port);
  });

  it.each(["::%1", "0:0::0%1", "::ffff:0.0.0.0%1"])(
    "of every address, as in %s, is refused: the system would take every interface",
    async (host) => {
      const error = await failure(listen({ host }), "EINVAL");
      expect(error.message).toContain('"1"');
    },
  );

  it("leads to a link-local address, by name and by number, if this machine has one", async () => {
    const found = Object.entries(networkInterfaces())
      .flatMap(([name, addresses]) => (addresses ?? []).map((it) => ({ name, ...it })))
      .find(({ address, family }) => family === "IPv6" && address.startsWith("fe80:"));
    if (found?.family !== "IPv6") return;
    await using scope = new Scope();
    const zones = process.platform === "win32" ? [found.scopeid] : [found.scopeid, found.name];
    for (const zone of zones) {
      const host = `${found.address}%${zone}`;
      const listener = scope.use(await listen({ host }));
      const accepting = listener.accept();
      const client = scope.use(await connect({ host, port: listener.address.port, localAddress: host }));
      await scope.use(await accepting).send("linked");
      expect((await receive(client, 6)).toString()).toBe("linked");
    }
  });
});
