/** What a native binary was made for. */
import { readFileSync } from "node:fs";
import { Failure } from "./fail.mjs";

const elf = { 62: "x64", 183: "arm64" };
const portable = { 34404: "x64", 43620: "arm64" };
const mach = { 16777223: "x64", 16777228: "arm64" };

/**
 * The architecture, as Node calls it, of a binary that has to be one for `os` (as process.platform calls it).
 * @param {string} path
 * @param {NodeJS.Platform} os
 */
export function architectureOf(path, os) {
  const file = readFileSync(path);
  const architecture = readers[os]?.(file) ?? readers.elf(file);
  if (architecture) return architecture;
  throw new Failure(`${path} is no binary for ${os}: build it anew.`);
}

const readers = {
  win32(file) {
    if (file.toString("latin1", 0, 2) !== "MZ") return "";
    return portable[file.readUInt16LE(file.readUInt32LE(0x3c) + 4)] ?? "";
  },
  darwin: (file) => (file.readUInt32LE(0) === 0xfeedfacf ? (mach[file.readUInt32LE(4)] ?? "") : ""),
  elf: (file) => (file.toString("latin1", 1, 4) === "ELF" ? (elf[file.readUInt16LE(18)] ?? "") : ""),
};
