/** The content of registries over the local Azure, as the purge reads and changes it. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { openContent, pagesOf } from "../support/acr-client.ts";
import { type Control, createControl } from "../support/control.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";

let azure: LocalAzure;
let control: Control;
beforeAll(async () => {
  azure = await startLocalAzure();
  control = createControl(azure);
});
afterAll(() => azure.stop());
afterEach(async () => {
  await control.clear();
});
const signal = new AbortController().signal;

describe("the lists", () => {
  test("hold every repository, tag and manifest", async () => {
    const content = openContent(azure);
    const names = await pagesOf(content.repositories(signal));
    expect(names).toContain("zenml");
    const tags = await pagesOf(content.tags("zenml", signal));
    const manifests = await pagesOf(content.manifests("zenml", signal));
    expect(tags.map(({ digest }) => digest)).toEqual(
      expect.arrayContaining(tags.map(({ digest }) => digest).filter((one) => manifests.some((m) => m.digest === one))),
    );
    for (const { digest } of manifests) {
      expect(await content.facts("zenml", digest, signal)).toMatchObject({ digest, children: [], subject: null });
      expect(await content.referrers("zenml", digest, signal)).toEqual([]);
    }
  });
});
