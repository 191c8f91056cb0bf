import { type InspectOptions, inspect } from "node:util";

/**
 * What util.inspect() and test runners show of an object of ours: what its toJSON() tells. Anybody may call this, with
 * anything: what is no number or boolean is not looked at, for a text or a number of it might never be done. Nothing is
 * told of what only inherits from one (`Object.create()`, a test's double): that can be printed, too.
 */
export function inspectAs(name: string, told: object | undefined, depth: unknown, options: unknown): string {
  if (told === undefined) return `[no ${name}, but made from one]`;
  if (typeof depth === "number" && depth < 0) return `[${name}]`;
  return `${name} ${inspect(told, { ...plain(options), customInspect: true, depth: 2 })}`;
}

function plain(options: unknown): InspectOptions {
  if (typeof options !== "object" || options === null) return {};
  const { colors, compact, breakLength } = options as Record<string, unknown>;
  return {
    ...(typeof colors === "boolean" && { colors }),
    ...((typeof compact === "boolean" || typeof compact === "number") && { compact }),
    ...(typeof breakLength === "number" && { breakLength }),
  };
}
