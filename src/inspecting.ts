import { type InspectOptions, inspect } from "node:util";

/** What util.inspect() and test runners show of an object of ours: what its toJSON() tells. */
export function inspectAs(name: string, told: object, depth: number, options: InspectOptions): string {
  if (depth < 0) return `[${name}]`;
  return `${name} ${inspect(told, { ...options, customInspect: true, depth: 2 })}`;
}
