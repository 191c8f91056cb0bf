import { fileURLToPath } from "node:url";

/** The root of the project, seen from dist/bench/. */
const root = new URL("../../", import.meta.url);

/** Absolute path of something in the project. */
export function inProject(path: string): string {
  return fileURLToPath(new URL(path, root));
}

export const loadGenerator = inProject("build/bench/load");
export const floorServer = inProject("build/bench/epoll_echo");
export const echoServer = inProject("dist/bench/peers/echo_server.js");
export const results = inProject("bench/results/");
