import type { EventEmitter } from "node:events";

export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(reason: unknown): void;
}

/** Promise.withResolvers, which Node 20 does not have. */
export function deferred<T = void>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

/**
 * Waits for `count` turns of Node's event loop. This is how a test gives something that must NOT happen its chance;
 * never use it to wait for something that must happen: another thread may wait for the operating system.
 */
export async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** Lets turns of the event loop pass until the condition holds. The test's own timeout is the limit. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise<void>((resolve) => setTimeout(resolve, 1));
}

/** Waits for one event and gives its first argument. Unlike events.once, an "error" event does not reject. */
export function event<T = unknown>(emitter: EventEmitter, name: string): Promise<T> {
  return new Promise((resolve) => {
    emitter.once(name, resolve);
  });
}

/** True once the promise is settled; never rejects. Read `.settled` after giving it its chance with `turns`. */
export function watch(promise: Promise<unknown>): { settled: boolean } {
  const state = { settled: false };
  const settle = () => {
    state.settled = true;
  };
  promise.then(settle, settle);
  return state;
}

/**
 * Puts the name into the log in the very moment the promise settles, so that the log shows the order in which
 * promises settled. Resolves with "done" or with the error's code.
 */
export function note(log: string[], name: string, promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => {
      log.push(name);
      return "done";
    },
    (error: { code: string }) => {
      log.push(name);
      return error.code;
    },
  );
}

/** Keeps the thread, and with it the event loop, busy for so many milliseconds. */
export function block(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

/** Lets what was begun in this turn of the event loop go on, as far as it can within it. */
export async function hops(count = 30): Promise<void> {
  for (let hop = 0; hop < count; hop++) await null;
}
