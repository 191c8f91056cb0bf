import dns from "node:dns";
import { isIP } from "node:net";
import { types } from "node:util";
import { PortsideError } from "./errors.js";

/** An address that a {@link LookupFunction} answers with. */
export interface LookupAddress {
  address: string;
  family: number;
}

/**
 * Looks a host name up, as `dns.lookup` of Node does: called with the name, options and a callback, it calls back with
 * an error, or with `null` and either one address and its family or a list of both.
 */
export type LookupFunction = (
  hostname: string,
  options: { all: true; family: 0 | 4 | 6 },
  callback: (error: Error | null, address: string | LookupAddress[], family?: number | undefined) => void,
) => void;

/**
 * 4, 6, or 0 for what is no IP address. Of an IPv6 address the zone may be any text: the system knows its own, but would
 * read no further than to a NUL.
 */
export function familyOf(host: string): 0 | 4 | 6 {
  if (host.includes("\0")) return 0;
  const percent = host.indexOf("%");
  const family = isIP(percent < 0 ? host : host.slice(0, percent)) as 0 | 4 | 6;
  return percent >= 0 && family === 4 ? 0 : family;
}

/**
 * The addresses of a host, in the order of preference that the resolver gives (`--dns-result-order`), families taking
 * turns (RFC 8305). Without a function it is Node's own that is asked, as it is at that moment.
 */
export async function addressesOf(
  host: string,
  family: 0 | 4 | 6,
  lookup: LookupFunction | undefined,
): Promise<string[]> {
  const numeric = familyOf(host);
  if (numeric !== 0) {
    if (family === 0 || family === numeric) return [host];
    throw familyError(host, family);
  }
  let answer: unknown;
  try {
    [answer] = await ask(lookup ?? dns.lookup, host, family);
  } catch (error) {
    throw lookupError(host, error);
  }
  return alternating(usable(host, family, answer));
}

/** An address of one family, where only the other one would do. */
export function familyError(host: string, family: 4 | 6): PortsideError {
  return new PortsideError(
    "EAFNOSUPPORT",
    `lookup ${host}: EAFNOSUPPORT, it is not an IPv${family} address; change or remove options.family or options.localAddress`,
    { syscall: "lookup", address: host },
  );
}

// The first answer counts, however it comes: a function that throws, calls back twice or within the call, or gives a
// promise that rejects, is a program's own.
function ask(lookup: LookupFunction, host: string, family: 0 | 4 | 6): Promise<[unknown]> {
  return new Promise((resolve, reject) => {
    const returned: unknown = lookup(host, { all: true, family }, (error, address) => {
      if (error) reject(error);
      else resolve([address]);
    });
    if (types.isPromise(returned)) returned.catch(reject);
  });
}

const forbidden = "looking names up is not permitted; allow it (--allow-net)";
const unknown = "the name is not known; check its spelling and the resolver";
const lookupSentences: Record<string, string | undefined> = {
  ENOTFOUND: unknown,
  ENODATA: unknown,
  EAI_AGAIN: "the resolver cannot answer now; try again",
  EPERM: forbidden,
  EACCES: forbidden,
  ERR_ACCESS_DENIED: forbidden,
};

function lookupError(host: string, cause: unknown): PortsideError {
  const code = codeOf(cause) ?? "ENOTFOUND";
  const sentence = lookupSentences[code] ?? "the name could not be looked up; the error's cause says why";
  return new PortsideError(code, `lookup ${host}: ${code}, ${sentence}`, {
    syscall: "lookup",
    address: host,
    cause,
  });
}

function codeOf(error: unknown): string | undefined {
  try {
    const code = (error as { code?: unknown } | null | undefined)?.code;
    return typeof code === "string" && code !== "" ? code : undefined;
  } catch {
    return undefined;
  }
}

interface Found {
  address: string;
  family: 4 | 6;
}

/** What of a resolver's answer can be used. One address comes as a text, several as a list. */
function usable(host: string, wanted: 0 | 4 | 6, answer: unknown): Found[] {
  const entries = entriesOf(answer);
  const addresses = entries.map(({ address, family }) => ({ address, family }));
  const found = addresses.filter(
    (entry): entry is Found => entry.family !== 0 && (wanted === 0 || entry.family === wanted),
  );
  if (found.length > 0) return found;
  const garbage = addresses.some(({ family }) => family === 0);
  if (!garbage) throw lookupError(host, undefined);
  throw new PortsideError(
    "ERR_INVALID_IP_ADDRESS",
    `lookup ${host}: options.lookup answered with something that is not an IP address`,
    { syscall: "lookup", address: host },
  );
}

// No name has so many addresses; a list of holes that says it has must not be walked through.
const mostAddresses = 1000;

function entriesOf(answer: unknown): { address: string; family: 0 | 4 | 6 }[] {
  const list: unknown[] = [];
  try {
    if (Array.isArray(answer)) {
      for (let i = 0; i < answer.length && i < mostAddresses; i++) list.push(answer[i]);
    } else if (answer) list.push(answer);
  } catch {
    list.push(undefined); // a proxy
  }
  return list.map((entry) => {
    try {
      const address: unknown = typeof entry === "string" ? entry : (entry as { address?: unknown }).address;
      if (typeof address === "string") return { address, family: familyOf(address) };
    } catch {
      // null in the list, a getter that throws
    }
    return { address: "", family: 0 };
  });
}

function alternating(found: readonly Found[]): string[] {
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
