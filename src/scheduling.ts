import { setImmediate } from "node:timers";

export const immediately = setImmediate;
export const soon = globalThis.queueMicrotask;
