import { follow, soon } from "./scheduling.js";

// How promises of operations are settled. An error that the kernel brings is made while the engine delivers, where
// nobody's code is on the stack. V8 can nevertheless tell who awaits, if it is asked from within a microtask that leads to
// the promise ("Zero-cost async stack traces"): so a rejection takes one microtask more, and those that come after it
// in the same batch keep their place behind it.

// As it is now: a program may replace it, and its stack is nobody's business but the engine's.
const { captureStackTrace } = Error;

let rejectionsUnderWay = 0;

/** Rejects a promise, by its two functions, with an error whose stack names the caller's line. */
export function rejectTraced(
  resolve: (value: never) => void,
  reject: (error: unknown) => void,
  error: unknown,
): void {
  rejectionsUnderWay++;
  const job = (): void => {
    rejectionsUnderWay--;
    try {
      if (error instanceof Error) captureStackTrace?.(error, job);
    } finally {
      reject(error);
    }
  };
  // Never resolves anything: it tells V8 which promise the job is about.
  void follow(soon(job) as Promise<never>, resolve);
}

/** Does what settles a promise, behind the rejections that are under way. */
export function inTurn(settle: () => void): void {
  if (rejectionsUnderWay === 0) settle();
  else void soon(settle);
}

/** Resolves a promise, behind the rejections that are under way. */
export function resolveInTurn<Value>(resolve: (value: Value) => void, value: Value): void {
  if (rejectionsUnderWay === 0) resolve(value);
  else void soon(() => resolve(value));
}
