/** What the OS is asked and told about the limit of descriptors. */
export interface DescriptorLimit {
  soft: number;
  /** `Infinity`, or near it, on macOS: nothing that its setrlimit(2) accepts as a soft limit. */
  hard: number;
  /** kern.maxfilesperproc, where the system has it. */
  perProcess: number | undefined;
  /** setrlimit(2) for the soft limit; false when it is refused. */
  set(soft: number): boolean;
}

/** OPEN_MAX: as many as macOS's setrlimit(2) promises to accept. */
const promised = 10240;

/** Raises the soft limit as far as the kernel lets it, and never lowers it; returns what the kernel grants then. */
export function raiseSoftLimit(limit: DescriptorLimit): number {
  const most = Math.min(limit.hard, limit.perProcess ?? limit.hard);
  for (const wanted of [most, Math.min(most, promised)]) {
    if (wanted > limit.soft && limit.set(wanted)) return wanted;
  }
  return Math.min(limit.soft, limit.perProcess ?? limit.soft);
}

/** The smallest of the limits that a shell printed, one a line; "unlimited" is none. */
export function smallestLimit(lines: string): number {
  const numbers = lines.split(/\s+/).filter((word) => /^\d+$/.test(word));
  return Math.min(Number.MAX_SAFE_INTEGER, ...numbers.map(Number));
}
