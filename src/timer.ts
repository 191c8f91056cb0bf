import type { Core } from "./core.js";
import { Opcode } from "./names.js";
import type { Outcome, Waiting } from "./pending.js";

/** Calls back once, on the port's own wheel: faked and replaced timers of the runtime do nothing to it. */
export class Timer implements Waiting {
  readonly #core: Core;
  readonly #token: number;
  #callback: (() => void) | undefined;

  constructor(core: Core, milliseconds: number, callback: () => void) {
    this.#core = core;
    this.#callback = callback;
    this.#token = core.expect(this);
    core.rings.submit(Opcode.timer, 0, 0, this.#token, milliseconds, 0, 0);
  }

  /** It will not call back, even if it has expired already. The token is its own until its completion comes. */
  stop(): void {
    if (this.#callback === undefined) return;
    this.#callback = undefined;
    this.#core.cancel(this.#token);
  }

  settle(_core: Core, outcome: Outcome): void {
    const callback = this.#callback;
    this.#callback = undefined;
    if (outcome.error === 0) callback?.(); // unless it was stopped, or its port is closed
  }
}
