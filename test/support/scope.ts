/**
 * Closes what a test opened, newest first, whether the test passed or failed.
 *
 *     await using scope = new Scope();
 *     const listener = scope.use(await listen({ host: "127.0.0.1" }));
 *
 * (AsyncDisposableStack would do, but Node 20 and 22 do not have it.)
 */
export class Scope {
  readonly #cleanups: (() => unknown)[] = [];

  /** Registers something to be disposed of at the end, and gives it back. */
  use<T extends AsyncDisposable>(resource: T): T {
    this.#cleanups.push(() => resource[Symbol.asyncDispose]());
    return resource;
  }

  /** Registers a function to be called (and awaited) at the end. */
  defer(cleanup: () => unknown): void {
    this.#cleanups.push(cleanup);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const errors: unknown[] = [];
    for (const cleanup of this.#cleanups.reverse()) {
      try {
        await cleanup();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, "cleaning up after the test failed");
  }
}
