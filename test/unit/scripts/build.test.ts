/** Which packages the build counts as loaded at start. */
import { expect, test } from "vitest";
import { packagesLoadedAtStart } from "../../../scripts/build.ts";

type Kind = "import-statement" | "dynamic-import";
const input = (...imports: [path: string, kind: Kind][]) => ({
  bytes: 1,
  imports: imports.map(([path, kind]) => ({ path, kind })),
});

test("packagesLoadedAtStart: follows static imports, through packages, and stops at import()", () => {
  const inputs = {
    "functions/main.ts": input(
      ["node_modules/@azure/functions/index.js", "import-statement"],
      ["shared/a.ts", "import-statement"],
    ),
    "shared/a.ts": input(
      ["node_modules/@azure/identity/index.js", "dynamic-import"],
      ["node:path", "import-statement"],
    ),
    "node_modules/@azure/functions/index.js": input(["node_modules/cookie/index.js", "import-statement"]),
    "node_modules/cookie/index.js": input(["functions/main.ts", "import-statement"]),
    "node_modules/@azure/identity/index.js": input(),
  };
  expect(packagesLoadedAtStart({ inputs })).toEqual(["@azure/functions", "cookie"]);
});
