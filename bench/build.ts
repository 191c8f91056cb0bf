import { spawnSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { floorServer, inProject, loadGenerator } from "./paths.js";

function changedAt(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function isStale(): boolean {
  const sources = [
    ...readdirSync(inProject("bench/load")).map((name) => join(inProject("bench/load"), name)),
    inProject("bench/peers/epoll_echo.c"),
  ];
  const newestSource = Math.max(...sources.map(changedAt));
  return Math.min(changedAt(loadGenerator), changedAt(floorServer)) < newestSource;
}

function cmake(...args: string[]): void {
  const { error, status, stdout, stderr } = spawnSync("cmake", args, { encoding: "utf8" });
  if (error) throw new Error("The benchmark needs CMake and a C++20 compiler: cmake was not found.");
  if (status !== 0) throw new Error(`The load generator could not be built.\n${stdout}${stderr}`);
}

/** Builds the load generator and the floor when they are missing or older than their sources. */
export function buildNativePrograms(): void {
  if (!isStale()) return;
  cmake("-S", inProject("bench/load"), "-B", inProject("build/bench"), "-DCMAKE_BUILD_TYPE=Release");
  // A source that is newer than an up-to-date binary would otherwise lead here again and again.
  cmake("--build", inProject("build/bench"), "--clean-first");
}
