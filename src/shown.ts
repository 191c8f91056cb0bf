import { types } from "node:util";
import { tagOf } from "./intrinsics.js";

// What a message says of a value that was refused. The value may be hostile: a getter, a proxy, an own `toString` or a
// class whose name is a list of four thousand million holes would run the program's code in here, or never return. So
// nothing is asked of an object but what the language keeps for itself, and nothing long is written out.

const longest = 60;
const mostInteger = 2n ** 64n;

export function shown(value: unknown): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(shortened(value));
    case "bigint":
      return value > -mostInteger && value < mostInteger ? `${value}n` : "a huge bigint";
    case "symbol":
      return shortened(value.toString());
    case "function":
      return "a function";
    case "object":
      return value === null ? "null" : kindOf(value);
    default:
      return Object.is(value, -0) ? "-0" : String(value);
  }
}

/** A text that somebody else chose the length of. */
export function shortened(text: string): string {
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
}

function kindOf(value: object): string {
  if (types.isProxy(value)) return "a Proxy";
  if (Array.isArray(value)) return "an array";
  if (types.isTypedArray(value)) return named(tagOf(value));
  if (types.isPromise(value)) return "a Promise (is an await missing?)";
  if (types.isDate(value)) return "a Date";
  return named(classOf(value));
}

/** The name of an object's class, as far as plain properties tell it. */
function classOf(value: object): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  const name = plainProperty(plainProperty(prototype, "constructor"), "name");
  return typeof name === "string" && name !== "" ? shortened(name) : "Object";
}

function plainProperty(owner: unknown, name: string): unknown {
  const isOne = (typeof owner === "object" && owner !== null) || typeof owner === "function";
  if (!isOne || types.isProxy(owner)) return undefined;
  return Object.getOwnPropertyDescriptor(owner, name)?.value;
}

function named(name: string): string {
  if (name === "Object") return "an object";
  return `${/^[AEIO]/.test(name) ? "an" : "a"} ${name}`;
}
