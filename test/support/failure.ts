import { inspect } from "node:util";
import { PortsideError } from "portside";
import { expect } from "vitest";

/** The PortsideError with which the promise rejects; fails the test when it resolves or rejects otherwise. */
export async function failure(promise: Promise<unknown>, code?: string | RegExp): Promise<PortsideError> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return check(error, code);
  }
  throw new Error(`expected a rejection${code ? ` with ${code}` : ""}, but it resolved with ${short(value)}`);
}

/** The PortsideError that the call throws; fails the test when it does not throw or throws something else. */
export function thrown(call: () => unknown, code?: string | RegExp): PortsideError {
  let value: unknown;
  try {
    value = call();
  } catch (error) {
    return check(error, code);
  }
  throw new Error(`expected a throw${code ? ` of ${code}` : ""}, but it returned ${short(value)}`);
}

/** A buffer may be large. */
function short(value: unknown): string {
  return inspect(value, { maxArrayLength: 10, maxStringLength: 200 });
}

function check(error: unknown, code: string | RegExp | undefined): PortsideError {
  if (!(error instanceof PortsideError)) throw new Error("not a PortsideError", { cause: error });
  if (code !== undefined)
    expect(error.code).toMatch(typeof code === "string" ? new RegExp(`^${code}$`) : code);
  return error;
}

/** Codes for "the peer is gone": which one comes depends on the kernel and on what it had queued. */
export const PEER_GONE = /^(ECONNRESET|EPIPE)$/;
