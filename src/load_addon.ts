import { createRequire } from "node:module";
import { addonCandidates, binaryPackage } from "../platforms/rooms.js";
import { variable } from "./environment.js";
import { PortsideError } from "./errors.js";
import { findPlace, type Place } from "./place.js";

/** A file that was tried, and why it is not the addon. */
interface Attempt {
  readonly path: string;
  readonly error: unknown;
}

/** Loads the native addon, or throws a {@link PortsideError} that says what to do in the reader's case. */
export function loadAddon(): unknown {
  const chosen = variable("PORTSIDE_ADDON");
  const place = findPlace();
  if (!place && !chosen) throw bundled();
  const require = createRequire(place ? import.meta.url : `${process.cwd()}/`);
  const attempts: Attempt[] = [];
  for (const path of addonCandidates()) {
    try {
      return checked(require(path));
    } catch (error) {
      attempts.push({ path, error });
    }
  }
  const broken = attempts.find(({ error }) => !isMissing(error));
  if (broken) throw unusable(attempts, broken, adviceFor(place, chosen, broken.error));
  if (place && !chosen) throw missing(attempts, place);
  throw failure(
    "ERR_PORTSIDE_NO_BINARY",
    "PORTSIDE_ADDON names a file that does not exist: correct the variable, or unset it",
    attempts,
  );
}

function checked(loaded: unknown): unknown {
  if (typeof (loaded as { Port?: unknown } | null)?.Port === "function") return loaded;
  throw new Error("this is not Portside's addon");
}

function isMissing(error: unknown): boolean {
  return (error as { code?: unknown } | undefined)?.code === "MODULE_NOT_FOUND";
}

function bundled(): PortsideError {
  return new PortsideError(
    "ERR_PORTSIDE_BUNDLED",
    "a bundler took Portside's code out of its package, and there it cannot find its native binary: " +
      'mark "portside" as external (esbuild and bun build: --external:portside) and install it beside the bundle',
  );
}

function missing(attempts: Attempt[], place: Place): PortsideError {
  if (place.checkout) {
    const what = `this checkout of Portside is not built: run "npm ci && npm run build" in ${place.root}`;
    return failure("ERR_PORTSIDE_NOT_BUILT", what, attempts);
  }
  const version = place.binaries[binaryPackage];
  const advice =
    version === undefined
      ? "there is no package for this system yet: clone Portside's repository, build it there, and install that folder"
      : `add the package ${binaryPackage}@${version} to your project; npm leaves it out after --omit=optional, ` +
        "and with a lock file or a node_modules folder that came from another system";
  return failure(
    "ERR_PORTSIDE_NO_BINARY",
    `Portside's binary for ${thisSystem()} is not installed: ${advice}`,
    attempts,
  );
}

function unusable(attempts: Attempt[], broken: Attempt, advice: string): PortsideError {
  const what = `Portside's binary does not load on ${thisSystem()}: ${advice}`;
  return failure("ERR_PORTSIDE_BAD_BINARY", what, attempts, broken.error);
}

function adviceFor(place: Place | undefined, chosen: string | undefined, error: unknown): string {
  if (isForbidden(error)) {
    return "this process may not load native code; allow it (Node: --allow-addons, Deno: --allow-read and --allow-ffi)";
  }
  const made = "it is damaged, or was made for another architecture or C library";
  if (chosen) return `${made}; correct the variable PORTSIDE_ADDON, or unset it`;
  if (place?.checkout) return `${made}; run "npm run build" in ${place.root}`;
  return `${made}; install ${binaryPackage} anew, on this very system`;
}

/** Node's permission model and its --no-addons, or Deno's. */
function isForbidden(error: unknown): boolean {
  const { code, name } = error as { code?: unknown; name?: unknown };
  return (
    code === "ERR_DLOPEN_DISABLED" || code === "ERR_ACCESS_DENIED" || /^(NotCapable|Perm)/.test(String(name))
  );
}

function thisSystem(): string {
  return `${process.platform} ${process.arch}`;
}

function failure(code: string, what: string, attempts: Attempt[], cause = attempts[0]?.error): PortsideError {
  const tried = attempts.map(({ path, error }) => `  ${path}: ${firstLine(error)}`);
  return new PortsideError(code, `${what}.\nTried:\n${tried.join("\n")}`, { cause });
}

/** Node adds the stack of requires on further lines. */
function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n", 1)[0] ?? text;
}
