import { hostileArguments } from "./arguments.js";
import type { Attack } from "./attack.js";
import { lostBuffers } from "./buffers.js";
import { exitUnderLoad } from "./exit.js";
import { deadGlobals } from "./globals.js";
import { hostileHandlers } from "./handlers.js";
import { rudePeers } from "./peers.js";
import { manyPorts } from "./ports.js";
import { posts } from "./posts.js";
import { patchedPrototypes } from "./prototypes.js";
import { rawAddon } from "./raw_addon.js";
import { walk } from "./walk.js";
import { endedWorkers } from "./workers.js";

/** Every attack, by the name under which it is counted. */
export const attacks = {
  "hostile arguments": hostileArguments,
  "lost buffers": lostBuffers,
  "hostile handlers": hostileHandlers,
  "rude peers": rudePeers,
  "many ports": manyPorts,
  "garbage by post": posts,
  "ended workers": endedWorkers,
  "reachable internals": walk,
  "dead clocks": deadGlobals,
  "patched prototypes": patchedPrototypes,
  "native part": rawAddon,
  "exit under load": exitUnderLoad,
} satisfies Record<string, Attack>;

export type AttackName = keyof typeof attacks;
