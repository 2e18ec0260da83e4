import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { PROBLEMS } from "../../functions/problem.ts";
import { readConfig, settingsSchema } from "../../shared/config.ts";
import { ROLES } from "../../shared/connectors/access-needs.ts";
import { CHECK_CODES, FINDINGS } from "../../shared/connectors/check.ts";

const textOf = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

/** Read by the Functions host or by @azure/identity, never by our code. */
const OTHERS_SETTINGS = [
  "FUNCTIONS_WORKER_RUNTIME",
  "AzureWebJobsStorage",
  "AZURE_TOKEN_CREDENTIALS",
  "AZURE_TENANT_ID",
  "AZURE_CLIENT_ID",
  "AZURE_CLIENT_SECRET",
];

describe("local.settings.sample.json", () => {
  const sample = z
    .strictObject({ IsEncrypted: z.literal(false), Values: z.record(z.string(), z.string()) })
    .parse(JSON.parse(textOf("local.settings.sample.json")));

  test("has every setting that the app knows, those of host and SDK, and no other", () => {
    const known = [...Object.keys(settingsSchema.shape), ...OTHERS_SETTINGS];
    expect(Object.keys(sample.Values).toSorted()).toEqual(known.toSorted());
  });

  test("is taken as it stands", () => {
    expect(readConfig(sample.Values)).toMatchObject({ stateAccount: sample.Values.LATCHKEY_STATE_ACCOUNT });
  });
});

describe("docs/errors.md", () => {
  const rows = [...textOf("docs/errors.md").matchAll(/^\| `([A-Z_]+)` +\| (\d{3}) +\| \S.* \| \S.* \|$/gm)];

  test("explains every code with its status, once, and no other", () => {
    const described = rows.map(([, code, status]) => `${code} ${status}`);
    const declared = Object.entries(PROBLEMS).map(([code, { status }]) => `${code} ${status}`);
    expect(described.toSorted()).toEqual(declared.toSorted());
  });
});

describe("docs/verification.md", () => {
  test.each([...CHECK_CODES, ...FINDINGS, ...Object.values(ROLES).map(({ name }) => name.replace(/^.* (?=\w+$)/, ""))])(
    "says %s",
    (word) => expect(textOf("docs/verification.md")).toContain(word),
  );
});
