// Imports every room, whatever system this is, and prints what they asked the system for by that alone.
import childProcess from "node:child_process";
import fs from "node:fs";
import { createRequire, syncBuiltinESMExports } from "node:module";
import os from "node:os";

const asked = [];

/** Node itself reads the modules: what counts is what our own code calls. */
function record(what) {
  const ours = new Error().stack.split("\n").some((line) => /[\\/]dist[\\/](platforms|src)[\\/]/.test(line));
  if (ours) asked.push(what);
}

for (const [name, module] of Object.entries({ os, fs, childProcess })) {
  for (const [key, value] of Object.entries(module)) {
    if (typeof value !== "function" || /^[A-Z_]/.test(key)) continue;
    module[key] = function (...args) {
      record(`${name}.${key}`);
      return Reflect.apply(value, this, args);
    };
  }
}
syncBuiltinESMExports();
const { env } = process;
Object.defineProperty(process, "env", {
  value: new Proxy(env, {
    get(target, key) {
      record(`env.${String(key)}`);
      return target[key];
    },
  }),
});

await import("../../dist/platforms/rooms.js");

const loaded = Object.keys(createRequire(import.meta.url).cache).filter((path) => path.includes("koffi"));
process.stdout.write(JSON.stringify([...asked, ...loaded]));
