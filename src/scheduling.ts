import { setImmediate } from "node:timers";

export const soon = globalThis.queueMicrotask;
export const immediately = setImmediate;
