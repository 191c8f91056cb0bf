import { CompletionPort, PortsideError } from "portside";
import { expect } from "vitest";
import { Bystander, openHandles } from "./push.js";
import type { Scope } from "./scope.js";
import { turns, until } from "./wait.js";

export type Code = string | RegExp;

export const TYPE = "ERR_INVALID_ARG_TYPE";
export const VALUE = "ERR_INVALID_ARG_VALUE";
export const RANGE = "ERR_OUT_OF_RANGE";
export const PORT = "ERR_SOCKET_BAD_PORT";
/** A port that is no number at all: Node itself says the one or the other. */
export const PORT_TYPE = /^(ERR_SOCKET_BAD_PORT|ERR_INVALID_ARG_TYPE)$/;

/** Whatever a careless program or plain JavaScript may pass. */
export const bad = (value: unknown): never => value as never;

/** The error of a call that must reject its promise (never throw), with a code and a sentence. */
export async function refusal(
  call: () => Promise<unknown>,
  code: Code,
  word?: string,
): Promise<PortsideError> {
  let promise: Promise<unknown>;
  try {
    promise = call();
  } catch (error) {
    throw new Error("thrown instead of rejected", { cause: error });
  }
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if (!("error" in outcome)) throw new Error(`accepted, with ${String(outcome.value)}`);
  return checked(outcome.error, code, word);
}

/** The error of a call that must throw, with a code and a sentence. */
export function exception(call: () => unknown, code: Code, word?: string): PortsideError {
  let value: unknown;
  try {
    value = call();
  } catch (error) {
    return checked(error, code, word);
  }
  throw new Error(`accepted, with ${String(value)}`);
}

function checked(error: unknown, code: Code, word: string | undefined): PortsideError {
  if (!(error instanceof PortsideError)) throw new Error("not a PortsideError", { cause: error });
  if (typeof code === "string") expect(error.code).toBe(code);
  else expect(error.code).toMatch(code);
  // A sentence, that names what it speaks of.
  expect(error.message.split(/\s+/).length).toBeGreaterThanOrEqual(4);
  if (word !== undefined) expect(error.message).toContain(word);
  return error;
}

/** Runs what must be refused, and sees that nothing is left over and nobody else has noticed. */
export async function harmless(scope: Scope, refused: () => Promise<unknown>): Promise<void> {
  const bystander = await Bystander.start(scope);
  const port = CompletionPort.default;
  await turns();
  const before = port.stats();
  await refused();
  await until(() => openHandles() === before.handles);
  expect(port.stats().operations).toBe(before.operations);
  await bystander.check();
}

/** An option, a value, and the code with which it is refused. */
export type WrongOption = [name: string, value: unknown, code: Code];

/** Puts a title for it.each in front. */
export const title = ([name, value, code]: WrongOption): [string, WrongOption] => [
  `${name}: ${typeof value === "bigint" ? `${value}n` : (JSON.stringify(value) ?? String(value))} (${typeof value})`,
  [name, value, code],
];
