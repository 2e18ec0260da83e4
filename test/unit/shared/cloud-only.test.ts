/** Hosts and audiences of a cloud stand in shared/cloud.ts and nowhere else in the product. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CLOUD_NAMES, cloudOf } from "../../../shared/cloud.ts";

const ROOT = join(import.meta.dirname, "../../..");
const sources = ["shared", "functions"].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => `${folder}/${file}`),
);

/** Every host, suffix and audience of every cloud, without a scheme. */
const words = CLOUD_NAMES.flatMap((name) => Object.values(cloudOf(name)).flatMap(textsOf));
function textsOf(value: unknown): string[] {
  if (typeof value === "string") return [value.replace(/^[a-z]+:\/\//, "").replace(/\/$/, "")];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsOf) : [];
}
/** Text for people may show a name: what it stands under is an example, told by a placeholder in capitals in front. */
const written = new RegExp(
  `(?<![A-Z]\\.)(?:${[...new Set(words)].map((word) => word.replaceAll(".", "\\.")).join("|")})`,
  "gi",
);

test("no other source writes one", () => {
  expect(sources.length).toBeGreaterThan(100);
  const found = sources
    .filter((file) => file !== "shared/cloud.ts")
    .flatMap((file) => (readFileSync(join(ROOT, file), "utf8").match(written) ?? []).map((word) => `${file}: ${word}`));
  expect(found).toEqual([]);
});

test("the table itself is found by the same search, and a placeholder is none", () => {
  expect(readFileSync(join(ROOT, "shared/cloud.ts"), "utf8").match(written)?.length).toBeGreaterThan(20);
  expect("https://account1.blob.core.windows.net".match(written)).not.toBeNull();
  expect("https://VAULT.vault.azure.net/secrets/NAME".match(written)).toBeNull();
});
