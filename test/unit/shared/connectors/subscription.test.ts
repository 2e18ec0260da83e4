import { describe, expect, test } from "vitest";
import {
  meansSubscription,
  readSubscriptionName,
  resolveSubscription,
} from "../../../../shared/connectors/subscription.ts";
import { azureView, connector, OWN_ACCOUNTS, SUBSCRIPTION } from "../../../support/fakes.ts";

const ID = `/subscriptions/${SUBSCRIPTION}`;
const OTHER = "00000000-0000-4000-8000-000000000000";
const NAME = "ZenML Subscription";

test.each([ID, ID.toUpperCase(), SUBSCRIPTION, SUBSCRIPTION.toUpperCase()])("%s is an id", (text) => {
  expect(readSubscriptionName(text)).toEqual({ kind: "id", subscriptionId: SUBSCRIPTION });
});

test.each([`${ID}/`, `${ID}/resourceGroups/g`, "/subscriptions/", "a/b", "", "n".repeat(65), "line\nbreak"])(
  "%j is no name",
  (text) => {
    expect(readSubscriptionName(text)).toBeNull();
  },
);

test.each([
  [ID, ID, true],
  [SUBSCRIPTION, ID, true],
  // Any display name may be the one: it is compared when the connector is opened.
  [NAME, ID, true],
  [OTHER, ID, false],
  [ID, `${ID}/resourceGroups/g`, false],
  [NAME, NAME, false],
  [NAME, SUBSCRIPTION, false],
])("%s means %s: %s", (text, canonical, means) => {
  expect(meansSubscription(text, canonical)).toBe(means);
});

describe("resolveSubscription", () => {
  const { configuration } = connector();
  const resolve = (text: string, changes: Partial<typeof configuration> = {}, resourceId: string | null = null) => {
    const journal: string[] = [];
    const limits = { configuration: { ...configuration, ...changes }, resourceId, ownAccounts: OWN_ACCOUNTS };
    return { journal, found: resolveSubscription(azureView({}, journal), limits, text) };
  };

  test.each([ID, SUBSCRIPTION, NAME, NAME.toUpperCase()])("finds it by %s", async (text) => {
    expect(await resolve(text).found).toEqual({ subscriptionId: SUBSCRIPTION, displayName: NAME });
  });

  test.each([
    ["a resource group", { resourceGroup: "g" }, null],
    ["a storage account", { storageAccount: "account" }, null],
    ["another subscription", { subscriptionId: OTHER }, null],
    ["another resource", {}, `/subscriptions/${OTHER}`],
  ])("limited to %s: refused before Azure is asked", async (_what, changes, resourceId) => {
    const { journal, found } = resolve(ID, changes, resourceId);
    await expect(found).rejects.toMatchObject({ code: "DENIED" });
    expect(journal).toEqual([]);
  });

  test.each([OTHER, "No Such Subscription"])("%s, which is not visible, is not found", async (text) => {
    await expect(resolve(text).found).rejects.toMatchObject({ code: "RESOURCE_NOT_FOUND" });
  });

  test("a name that two have is ambiguous, with both ids", async () => {
    const namesakes = [SUBSCRIPTION, OTHER].map((subscriptionId) => ({ subscriptionId, displayName: NAME }));
    const view = { ...azureView({}), subscriptions: async () => namesakes };
    const found = resolveSubscription(view, { configuration, resourceId: null, ownAccounts: OWN_ACCOUNTS }, NAME);
    await expect(found).rejects.toMatchObject({
      code: "AMBIGUOUS_RESOURCE",
      candidates: [ID, `/subscriptions/${OTHER}`],
    });
  });
});
