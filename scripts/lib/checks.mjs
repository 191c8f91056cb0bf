/** Runs checks one after the other, says of each how it went, and counts. */
import { Failure } from "./fail.mjs";

export class Checks {
  /** @param {import("./tally.mjs").Tally} tally */
  constructor(tally) {
    this.tally = tally;
  }

  /**
   * @param {string} name
   * @param {() => Promise<void> | void} body fails by throwing
   */
  async check(name, body) {
    const begin = Date.now();
    try {
      await body();
      this.tally.add({ passed: 1 });
      console.log(`  ok      ${name} (${Date.now() - begin} ms)`);
    } catch (error) {
      const text = error instanceof Failure ? error.message : error.stack;
      this.tally.add({ failed: 1, failures: [`${name}\n${text}`] });
      console.log(`  FAILED  ${name}\n${text}`);
    }
  }
}

/** Fails unless `text` holds each of the parts, strings or regular expressions. */
export function expectParts(text, ...parts) {
  for (const part of parts) {
    const found = typeof part === "string" ? text.includes(part) : part.test(text);
    if (!found) throw new Failure(`expected ${part} in:\n${text}`);
  }
}
