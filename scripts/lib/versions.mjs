/** Compares dotted version numbers. */

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
