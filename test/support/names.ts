import dns, { type LookupAddress } from "node:dns";
import { syncBuiltinESMExports } from "node:module";
import { isIP, isIPv6 } from "node:net";
import type { Scope } from "./scope.js";

interface LookupQuery {
  readonly family?: number | "IPv4" | "IPv6";
  readonly all?: boolean;
}

/**
 * Makes host names resolve to the given addresses, in that order, for this process and until the scope ends;
 * all other names do not exist (addresses stay what they are). No question leaves the machine.
 */
export function resolveNames(scope: Scope, names: Readonly<Record<string, readonly string[]>>): void {
  const original = { lookup: dns.lookup, promised: dns.promises.lookup };

  const find = (host: string, query: LookupQuery): LookupAddress[] => {
    const wanted = Number(String(query.family ?? 0).replace("IPv", ""));
    const known = isIP(host) === 0 ? names[host] : [host];
    const all = (known ?? []).map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }));
    const found = all.filter((entry) => wanted === 0 || entry.family === wanted);
    if (found.length > 0) return found;
    throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), {
      code: "ENOTFOUND",
      syscall: "getaddrinfo",
      hostname: host,
    });
  };

  const lookup = (host: string, ...rest: unknown[]): void => {
    const callback = rest.pop() as (error: unknown, ...result: unknown[]) => void;
    const query = (typeof rest[0] === "number" ? { family: rest[0] } : (rest[0] ?? {})) as LookupQuery;
    process.nextTick(() => {
      let found: LookupAddress[];
      try {
        found = find(host, query);
      } catch (error) {
        callback(error);
        return;
      }
      if (query.all) callback(null, found);
      else callback(null, found[0]!.address, found[0]!.family);
    });
  };
  const promised = async (host: string, query: LookupQuery = {}): Promise<unknown> => {
    const found = find(host, query);
    return query.all ? found : found[0];
  };

  Object.assign(dns, { lookup });
  Object.assign(dns.promises, { lookup: promised });
  syncBuiltinESMExports();
  scope.defer(() => {
    Object.assign(dns, { lookup: original.lookup });
    Object.assign(dns.promises, { lookup: original.promised });
    syncBuiltinESMExports();
  });
}
