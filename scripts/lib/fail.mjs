/** How every script here gives up: one sentence, no stack trace. */

/** A failure whose message is all that a person needs. */
export class Failure extends Error {}

/** Runs a script's body; a Failure becomes its sentence and exit code 1. */
export async function main(body) {
  try {
    await body();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    console.error(`portside: ${error.message}`);
    process.exitCode = 1;
  }
}
