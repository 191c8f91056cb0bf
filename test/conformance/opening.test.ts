import { describe, expect, it } from "vitest";
import { run } from "../support/programs.js";

const windows = process.platform === "win32";
const sanitized = process.env.PORTSIDE_TEST_SANITIZED === "1";
const limited = (limit: string) => ["sh", "-c", `ulimit ${limit} && exec "$0" "$@"`];
const thread = process.env.PORTSIDE_WAKER === "thread";
// The kqueue that is made for tests is four descriptors, a kernel's is one.
const madeForTests = process.platform === "linux" && process.env.PORTSIDE_BACKEND === "kqueue";
const many = madeForTests ? 4000 : 10_000;
const good = { echo: "hello", heard: "heard" };

interface Said {
  readonly opened: number;
  readonly refused: string;
  readonly echo: string;
  readonly heard: string;
}

async function open(wanted: number, options: Parameters<typeof run>[1] = {}): Promise<Said> {
  const { stdout, ...end } = await run("without_memory.mjs", { ...options, args: [String(wanted)] });
  expect(end).toMatchObject({ code: 0, signal: null });
  return JSON.parse(stdout) as Said;
}

describe("a port", () => {
  it("opens and echoes without WebAssembly (--jitless)", async () => {
    expect(await open(2, { nodeArgs: ["--jitless"] })).toEqual({ opened: 2, refused: "", ...good });
  });

  it("takes no WebAssembly that a program has removed or replaced for granted", async () => {
    const removal = "data:text/javascript,delete globalThis.WebAssembly";
    const nodeArgs = ["--import", removal];
    expect(await open(2, { nodeArgs })).toEqual({ opened: 2, refused: "", ...good });
  });
});

// Windows has neither limit. The sanitizers reserve terabytes of addresses, and look at memory through descriptors.
if (!windows) {
  describe("a port under a limit (ulimit)", () => {
    it.skipIf(sanitized)("opens and echoes with little address space", async () => {
      const said = await open(10, { launcher: limited("-v 4000000") });
      expect(said).toEqual({ opened: 10, refused: "", ...good });
    });

    it.skipIf(sanitized || thread)(
      `costs one descriptor nested into the loop: ${many} open under a limit of 20 000`,
      async () => {
        const said = await open(many, { launcher: limited("-n 20000"), timeout: 110_000 });
        expect(said).toEqual({ opened: many, refused: "", ...good });
      },
      120_000,
    );

    it.skipIf(sanitized)(
      "that cannot be opened says so with the POSIX code, and those before it go on",
      async () => {
        const said = await open(1000, { launcher: limited("-n 200") });
        expect(said).toMatchObject({ refused: "EMFILE", ...good });
        expect(said.opened).toBeGreaterThan(20);
      },
    );
  });
}
