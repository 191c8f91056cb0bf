/** Version numbers: comparing them, and choosing among versions of Node. */
import { Failure } from "./fail.mjs";

/** Takes "--node <major>" out of a command line: the versions it chooses, all without it, and the other arguments. */
export function chosenVersions(args, versions) {
  const at = args.indexOf("--node");
  if (at < 0) return { chosen: versions, args };
  const version = Number(args[at + 1]);
  if (!versions.includes(version)) {
    throw new Failure(`--node ${args[at + 1]} is not possible here: choose ${versions.join(" or ")}.`);
  }
  return { chosen: [version], args: args.toSpliced(at, 2) };
}

/** Whether `version` ("v20.17.1", "3.25.1-rc2") is at least `wanted` ("20.17"). */
export function atLeast(version, wanted) {
  const have = numbers(version);
  for (const [index, number] of numbers(wanted).entries()) {
    const difference = (have[index] ?? 0) - number;
    if (difference !== 0) return difference > 0;
  }
  return true;
}

function numbers(version) {
  return (version.match(/\d+(\.\d+)*/)?.[0] ?? "0").split(".").map(Number);
}
