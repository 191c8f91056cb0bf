import { existsSync } from "node:fs";

/** A variable of the environment; undefined also where this process may not read it (Deno asks, and can be told no). */
export function variable(name: string): string | undefined {
  try {
    return process.env[name];
  } catch {
    return undefined;
  }
}

/** Whether there is such a file; false also where this process may not look. */
export function exists(path: string): boolean {
  try {
    return existsSync(path);
  } catch {
    return false;
  }
}
