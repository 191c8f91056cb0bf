import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The root of the project, seen from dist/bench/. */
const root = new URL("../../", import.meta.url);

/** Absolute path of something in the project. */
export function inProject(path: string): string {
  return fileURLToPath(new URL(path, root));
}

export const loadGenerator = inProject("build/bench/load");
export const floorServer = inProject("build/bench/epoll_echo");

/** The echo server of this project, or of another checkout of it. */
export function echoServer(checkout = inProject(".")): string {
  return join(resolve(checkout), "dist/bench/peers/echo_server.js");
}

/** Throws unless another checkout's echo server can be started. */
export function checkBuilt(checkout: string): void {
  if (process.env.PORTSIDE_ADDON !== undefined) {
    throw new Error(
      "--against: PORTSIDE_ADDON is set, and both checkouts would load that one addon; unset it.",
    );
  }
  for (const file of [echoServer(checkout), join(checkout, "build/Release/portside.node")]) {
    if (!existsSync(file))
      throw new Error(`--against: ${file} is missing; run "npm ci && npm run build" there.`);
  }
}

export const results = inProject("bench/results/");
