/** Counts tests over several runs, and keeps what the failed ones said. */

/** Failures printed at the end. */
const most = 10;

export class Tally {
  passed = 0;
  failed = 0;
  skipped = 0;
  /** @type {string[]} */
  failures = [];

  add({ passed = 0, failed = 0, skipped = 0, failures = [] }) {
    this.passed += passed;
    this.failed += failed;
    this.skipped += skipped;
    this.failures.push(...failures);
  }

  /** Prints what failed and the closing line, always the last, and sets the exit code. */
  close() {
    // Once more here: of several long runs, the end of the output has to tell what failed in the first.
    for (const failure of this.failures.slice(0, most)) console.log(`\nFAILED ${failure}`);
    const more = this.failures.length - most;
    if (more > 0) console.log(`\nand ${more} more, told above`);
    if (this.skipped > 0) console.log(`${this.skipped} skipped on this machine`);
    console.log(`${this.passed} passed, ${this.failed} failed`);
    if (this.failed > 0 || this.passed === 0) process.exitCode = 1;
  }
}
