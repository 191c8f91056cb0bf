import type { PortsideError } from "../../src/index.js";

export interface Account {
  begun: number;
  done: number;
  canceled: number;
  /** Failures by their code. */
  failed: Map<string, number>;
}

/** How everything that was begun has ended, and what should not have happened. */
export class Ledger {
  readonly accounts = new Map<string, Account>();
  readonly violations: string[] = [];
  /** Bytes that arrived, and were compared with those sent. */
  bytes = 0;

  /** Watches a promise; it settles as it would without. */
  track<T>(kind: string, promise: Promise<T>): Promise<T> {
    const account = this.account(kind);
    account.begun++;
    return promise.then(
      (value) => {
        account.done++;
        return value;
      },
      (error: PortsideError) => {
        if (error.code === "ECANCELED") account.canceled++;
        else account.failed.set(error.code, (account.failed.get(error.code) ?? 0) + 1);
        if (!mayHappen.has(error.code)) this.violation(`${kind} ended with ${error.code}: ${error.message}`);
        throw error;
      },
    );
  }

  /** Of something that is done when it returns. */
  count(kind: string): void {
    this.account(kind).begun++;
    this.account(kind).done++;
  }

  account(kind: string): Account {
    let account = this.accounts.get(kind);
    if (!account) {
      account = { begun: 0, done: 0, canceled: 0, failed: new Map() };
      this.accounts.set(kind, account);
    }
    return account;
  }

  violation(what: string): void {
    this.violations.push(what);
  }

  /** Whatever was begun and has not ended. */
  checkSettled(): void {
    for (const [kind, { begun, done, canceled, failed }] of this.accounts) {
      const ended = [...failed.values()].reduce((sum, count) => sum + count, done + canceled);
      if (ended !== begun) this.violation(`${begun} of ${kind} were begun, and ${ended} ended`);
    }
  }
}

/** What a peer that closes, resets or is not there may do to us; everything else is news. */
const mayHappen = new Set(["ECANCELED", "EBADF", "ECONNRESET", "EPIPE", "ECONNREFUSED", "ENOTCONN"]);
