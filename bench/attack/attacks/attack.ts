import type { Arena } from "../arena.js";

/** One step of an attack; the next one may be another's. It waits for nothing that may never come. */
export type Attack = (arena: Arena) => unknown;
