import { relative } from "node:path";
import { beforeEach } from "vitest";
import { wineGaps } from "./wine_gaps.js";

// vitest loads this before every test file. `npm run test:windows` says that it is Wine.
if (process.env.PORTSIDE_TEST_WINE) {
  beforeEach(({ task, skip }) => {
    const file = relative(process.cwd(), task.file.filepath).replaceAll("\\", "/");
    const gap = wineGaps.find((entry) => entry.file === file && entry.test === task.fullTestName);
    if (gap) skip(gap.why);
  });
}
