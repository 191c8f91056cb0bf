import type { AttackName } from "./attacks/index.js";

/** One process's worth of attacks. */
export interface RoundKind {
  readonly attacks: readonly AttackName[];
  /** Attacks that run side by side. */
  readonly lanes: number;
  readonly seconds: number;
  /** Whether honest connections run beside it, which must not notice anything. */
  readonly victims: boolean;
  /** Whether the process leaves by itself once all is closed; else the attack leaves with a code of its own. */
  readonly ending: "by itself" | "exit" | "exit code 37";
}

const mixed: RoundKind = {
  attacks: [
    ...(["hostile arguments", "lost buffers", "hostile handlers", "rude peers"] as const),
    ...(["many ports", "garbage by post", "ended workers"] as const),
  ],
  lanes: 3,
  seconds: 4,
  victims: true,
  ending: "by itself",
};

const walked: RoundKind = {
  attacks: ["reachable internals", "hostile handlers"],
  lanes: 1,
  seconds: 4,
  victims: true,
  ending: "by itself",
};

const native: RoundKind = {
  attacks: ["native part"],
  lanes: 1,
  seconds: 3,
  victims: true,
  ending: "exit",
};

const clocks: RoundKind = {
  attacks: ["dead clocks"],
  lanes: 1,
  seconds: 3,
  victims: true,
  ending: "exit", // Node's own workers may never end whose clocks stood still
};

const prototypes: RoundKind = {
  attacks: ["patched prototypes"],
  lanes: 1,
  seconds: 3,
  victims: false,
  ending: "exit",
};

const leaving: RoundKind = {
  attacks: ["exit under load"],
  lanes: 1,
  seconds: 2,
  victims: true,
  ending: "exit code 37",
};

/** A run goes through them in this order, again and again: an odd number, so that each meets both wakers. */
export const roundKinds = {
  mixed,
  walked,
  native,
  clocks,
  "mixed again": mixed,
  prototypes,
  leaving,
} satisfies Record<string, RoundKind>;

export type RoundName = keyof typeof roundKinds;
