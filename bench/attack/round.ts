// One round, in a process of its own: attacks until the time is over, then everything is closed and looked at.

import { system } from "../../platforms/rooms.js";
import { CompletionPort } from "../../src/index.js";
import { Random } from "../stress/random.js";
import { Arena } from "./arena.js";
import { attacks } from "./attacks/index.js";
import { closeRawPorts } from "./attacks/raw_addon.js";
import { Board, tell } from "./board.js";
import { sleep } from "./clock.js";
import { AttackError, Ledger } from "./ledger.js";
import { type RoundKind, type RoundName, roundKinds } from "./rounds.js";
import { Victims } from "./victims.js";

/** What the parent asks for, as JSON in the first argument. */
export interface RoundOptions {
  name: RoundName;
  seed: number;
  seconds: number;
}

const { name, seed, seconds } = JSON.parse(process.argv[2] as string) as RoundOptions;
const kind: RoundKind = roundKinds[name];
const random = new Random(seed);
const ledger = new Ledger();
const board = new Board();

const engine = new URL("../../src/", import.meta.url).href;
/** The first frame that is neither Node's nor the language's own. */
const firstFile = /^ {4}at .*file:.*$/m;

for (const event of ["uncaughtException", "unhandledRejection"] as const) {
  process.on(event, (error: unknown) => {
    if (isOwn(error)) return ledger.count("errors of handlers");
    ledger.fault(`${event}: ${textOf(error)}`);
  });
}

await run();

async function run(): Promise<void> {
  const now = performance.now.bind(performance);
  const victims = await Victims.start(board, random.integer(0, 1e9), kind.victims);
  const descriptors = kind.victims ? undefined : system.openDescriptors();
  const arena = new Arena(random, ledger, board, new Set([CompletionPort.default, victims.port]));
  const end = now() + seconds * 1000;
  const lanes = Array.from({ length: kind.lanes }, async (_, lane) => {
    while (now() < end) {
      const attack = random.pick(kind.attacks);
      arena.begin(lane, attack);
      try {
        await attacks[attack](arena);
      } catch {
        ledger.count(`${attack}, broken off`); // by their own mischief: a proxy that was passed, a port that was closed
      }
    }
  });
  await Promise.all(lanes);
  board.begin(0, "the victims come to their end");
  await victims.finish();
  board.begin(0, "everything is closed");
  closeRawPorts(arena);
  await arena.close();
  if (descriptors !== undefined) await checkDescriptors(descriptors);
  tell({ type: "done", counts: ledger.counts });
  if (kind.ending === "exit") process.exit(0);
}

/**
 * An attacker's own error: thrown on purpose, or in his own code, or by a proxy or a "function" of his that breaks the
 * language's rules when the engine does what it was asked to do with it.
 */
function isOwn(error: unknown): boolean {
  if (isAttackError(error)) return true;
  const text = textOf(error);
  const from = firstFile.exec(text)?.[0] ?? "";
  // context.ts does nothing but call handlers.
  return (
    !from.includes(engine) || from.includes(`${engine}context.js`) || /^TypeError: .*\bproxy\b/i.test(text)
  );
}

function isAttackError(error: unknown): boolean {
  try {
    return error instanceof AttackError;
  } catch {
    return false; // a proxy
  }
}

// Nobody asks a hostile value for a text that may be endless.
function textOf(error: unknown): string {
  try {
    const stack: unknown = error instanceof Error ? error.stack : undefined;
    return typeof stack === "string" ? stack : `something that is no error (${typeof error})`;
  } catch {
    return "a proxy";
  }
}

async function checkDescriptors(before: number): Promise<void> {
  for (let waits = 0; waits < 100 && system.openDescriptors() > before; waits++) await sleep(50);
  const after = system.openDescriptors();
  if (after > before) ledger.fault(`${after - before} descriptors are left`);
}
