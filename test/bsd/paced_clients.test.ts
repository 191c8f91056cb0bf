import { describe, expect, it } from "vitest";
import { mostOnTheirWay, Pace } from "../../bench/main-job/pace.js";
import { turns } from "../support/wait.js";

describe("the main job's clients", () => {
  it("come in numbers that a BSD's accept queue of 128 holds, and all at once elsewhere", () => {
    for (const system of ["darwin", "freebsd", "netbsd", "openbsd"] as const)
      expect(mostOnTheirWay(system)).toBeLessThanOrEqual(64);
    for (const system of ["linux", "win32"] as const) expect(mostOnTheirWay(system)).toBe(Infinity);
  });

  it("take turns: as many at once as there may be, every one of them, failures or not", async () => {
    const pace = new Pace(3);
    let running = 0;
    let most = 0;
    let done = 0;
    const work = async () => {
      most = Math.max(most, ++running);
      await turns(2);
      running--;
      if (++done % 5 === 0) throw new Error("refused");
    };
    const outcomes = await Promise.allSettled(Array.from({ length: 50 }, () => pace.run(work)));
    expect(most).toBe(3);
    expect(done).toBe(50);
    expect(outcomes.filter(({ status }) => status === "rejected")).toHaveLength(10);
  });
});
