import { fileURLToPath } from "node:url";
import { exists, variable } from "../src/environment.js";
import { PortsideError } from "../src/errors.js";
import { system as bsd } from "./bsd/system.js";
import { system as linux } from "./linux/system.js";
import type { System } from "./system.js";
import { system as windows } from "./windows/system.js";

export type { System } from "./system.js";

// One line a system: `process.platform`, the name of its package, and its room. Every room is imported, on every
// system: importing one must ask the system for nothing (Deno would ask the user whether it may).
const rooms: Record<string, { name: string; system: System }> = {
  linux: { name: "linux", system: linux },
  win32: { name: "windows", system: windows },
  darwin: { name: "macos", system: bsd },
  freebsd: { name: "freebsd", system: bsd },
  openbsd: { name: "openbsd", system: bsd },
  netbsd: { name: "netbsd", system: bsd },
};

const room = rooms[process.platform];
if (!room) {
  throw new PortsideError(
    "ERR_PORTSIDE_NO_SYSTEM",
    `Portside does not run on ${process.platform} yet (it does on ${Object.keys(rooms).join(", ")}); ` +
      "docs/porting.md in its repository tells how to add a system.",
  );
}

export const system: System = room.system;

/** The package that carries this system's binary. */
export const binaryPackage = `portside-${room.name}`;

/** Where the addon may be, the likeliest first: built here, or carried by the room's own package. */
export function addonCandidates(): string[] {
  const chosen = variable("PORTSIDE_ADDON");
  if (chosen) return [chosen];
  // This file is dist/platforms/rooms.js in a package, and the addon is built beside dist/.
  const built = fileURLToPath(new URL("../../build/Release/portside.node", import.meta.url));
  return exists(built) ? [built] : [`${binaryPackage}/portside.node`, built];
}
