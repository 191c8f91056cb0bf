/** What every room tells about its system, and does to it, off the hot path. */
export interface System {
  /** The name of the OS, its kernel's version and, where it matters, what it really is (Wine, say). */
  readonly description: string;

  /** Whether Node's own loop can hold the engine (see the wakers in docs/how-it-works.md). */
  loopIsNestable(): boolean;

  /** Descriptors (handles) this process may have. */
  descriptorLimit(): number;

  /** Raises that limit as far as this process may, once; returns it. */
  raiseDescriptorLimit(): number;

  /** Lowers the limit: for tests of shortage. */
  lowerDescriptorLimit(limit: number): void;

  /** Descriptors (handles) this process has open. Main thread only. */
  openDescriptors(): number;

  /** Whether this only stands in for the system, as Wine does for Windows, with gaps that tests must know. */
  emulated(): boolean;

  /** Bytes of memory this process holds. */
  ownResidentMemory(): number;

  /** Bytes of memory another process holds. */
  residentMemory(pid: number): number;

  /** User and system time of another process, in microseconds. */
  processorTime(pid: number): number;

  /** The command that runs `command` on one processor only: for measurements. */
  pinned(cpu: number, command: string, args: readonly string[]): [command: string, args: string[]];
}
