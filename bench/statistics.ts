/** Median; NaN for no values at all. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = sorted.length / 2;
  if (sorted.length === 0) return Number.NaN;
  if (sorted.length % 2 === 1) return sorted[Math.floor(middle)]!;
  return (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The median, over the rounds, of one value divided by the other of the same round. */
export function medianRatio(values: readonly number[], references: readonly number[]): number {
  const rounds = Math.min(values.length, references.length);
  return median(Array.from({ length: rounds }, (_, round) => values[round]! / references[round]!));
}

/** The list, beginning with the element at `offset`. */
export function rotated<T>(list: readonly T[], offset: number): T[] {
  const start = offset % list.length;
  return [...list.slice(start), ...list.slice(0, start)];
}
