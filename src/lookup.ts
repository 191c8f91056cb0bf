import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { PortsideError } from "./errors.js";

/** The addresses of a host, in the order of preference that the resolver gives, families taking turns (RFC 8305). */
export async function addressesOf(host: string, family: 0 | 4 | 6): Promise<string[]> {
  const numeric = isIP(host);
  if (numeric !== 0) {
    if (family === 0 || family === numeric) return [host];
    throw new PortsideError(
      "EAFNOSUPPORT",
      `${host} is no IPv${family} address; leave options.family out, or change it`,
      {
        syscall: "lookup",
        address: host,
      },
    );
  }
  try {
    const found = await lookup(host, { all: true, family, verbatim: true });
    return alternating(found);
  } catch (error) {
    const { code = "ENOTFOUND" } = error as NodeJS.ErrnoException;
    throw new PortsideError(
      code,
      `lookup ${host}: ${code}, the name is not known; check its spelling and the resolver`,
      {
        syscall: "lookup",
        address: host,
        cause: error,
      },
    );
  }
}

function alternating(found: readonly { address: string; family: number }[]): string[] {
  const first = found.filter(({ family }) => family === found[0]?.family);
  const second = found.filter(({ family }) => family !== found[0]?.family);
  const addresses: string[] = [];
  for (let i = 0; i < Math.max(first.length, second.length); i++) {
    for (const entry of [first[i], second[i]]) {
      if (entry) addresses.push(entry.address);
    }
  }
  return [...new Set(addresses)];
}
