import { describe, expect, test } from "vitest";
import { type Limits, listBlobContainers, resolveBlobContainer } from "../../../../shared/connectors/inventory.ts";
import type { AzureView } from "../../../../shared/connectors/ports.ts";
import { blobContainerArmId } from "../../../../shared/connectors/resource-name.ts";
import { InputError, UpstreamError } from "../../../../shared/errors.ts";
import {
  azureView,
  connectorRequest,
  HOST_ACCOUNT,
  OWN_ACCOUNT,
  OWN_ACCOUNTS,
  SUBSCRIPTION,
} from "../../../support/fakes.ts";

const ACCOUNTS = {
  "demos/artifacts": ["store", "datasets"],
  "demos/archive": ["datasets"],
  "other/payrolldata": ["payroll"],
  [`latchkey/${OWN_ACCOUNT}`]: ["latchkey", "store"],
  [`latchkey/${HOST_ACCOUNT}`]: ["azure-webjobs-secrets", "store"],
};
const refused = (retryable = false) => new UpstreamError("UPSTREAM_REFUSED", "no", { retryable });

function limits(configuration: Partial<Limits["configuration"]> = {}, resourceId: string | null = null): Limits {
  return {
    configuration: { ...connectorRequest().configuration, ...configuration },
    resourceId,
    ownAccounts: OWN_ACCOUNTS,
  };
}
const armId = (resourceGroup: string, account: string, container: string, subscriptionId = SUBSCRIPTION) =>
  blobContainerArmId({ subscriptionId, resourceGroup, account, container });
const found = async (wanted: Limits, accounts: Parameters<typeof azureView>[0] = ACCOUNTS) =>
  (await listBlobContainers(azureView(accounts), wanted)).containers.map(
    ({ account, container }) => `${account}/${container}`,
  );

describe("listBlobContainers", () => {
  test("without limits: everything that is visible, but never the service's own accounts", async () => {
    expect(await found(limits())).toEqual([
      "archive/datasets",
      "artifacts/datasets",
      "artifacts/store",
      "payrolldata/payroll",
    ]);
  });

  test.each([
    ["a resource group", { resourceGroup: "demos" }, ["archive/datasets", "artifacts/datasets", "artifacts/store"]],
    ["a storage account", { storageAccount: "artifacts" }, ["artifacts/datasets", "artifacts/store"]],
    [
      "an account before a resource group",
      { storageAccount: "payrolldata", resourceGroup: "demos" },
      ["payrolldata/payroll"],
    ],
    ["the own account named outright", { storageAccount: OWN_ACCOUNT }, []],
    ["the host's account named outright", { storageAccount: HOST_ACCOUNT }, []],
    ["the own accounts' resource group", { resourceGroup: "latchkey" }, []],
    ["another subscription", { subscriptionId: "00000000-0000-4000-8000-000000000000" }, []],
  ])("limited to %s", async (_what, configuration, expected) => {
    expect(await found(limits(configuration))).toEqual(expected);
  });

  test("limited to one resource, in any case", async () => {
    expect(await found(limits({}, armId("DEMOS", "artifacts", "store").toUpperCase()))).toEqual(["artifacts/store"]);
  });

  test("a named subscription spares the listing of subscriptions, accounts outside are not even read", async () => {
    const journal: string[] = [];
    await listBlobContainers(
      azureView(ACCOUNTS, journal),
      limits({ subscriptionId: SUBSCRIPTION, resourceGroup: "other" }),
    );
    expect(journal).toEqual(["accounts other", "containers payrolldata"]);
  });

  test("one account that fails does not hide the others, and is named", async () => {
    const inventory = await listBlobContainers(azureView({ ...ACCOUNTS, "demos/artifacts": refused() }), limits());
    expect(inventory.containers.map(({ container }) => container)).toEqual(["datasets", "payroll"]);
    expect(inventory.unread).toMatchObject([{ where: "artifacts", error: { code: "UPSTREAM_REFUSED" } }]);
  });

  test("one subscription whose accounts cannot be listed hides no other, and is named; all of them are a failure", async () => {
    const other = "00000000-0000-4000-8000-000000000000";
    const azure = azureView(ACCOUNTS);
    const throttled = new UpstreamError("UPSTREAM_REFUSED", "429", { retryable: true });
    const view = (isOut: (subscription: string) => boolean): AzureView => ({
      ...azure,
      subscriptions: async () => [SUBSCRIPTION, other].map((subscriptionId) => ({ subscriptionId, displayName: "" })),
      storageAccounts: async (subscription, group) => {
        if (isOut(subscription)) throw throttled;
        return azure.storageAccounts(subscription, group);
      },
    });
    const { containers, unread } = await listBlobContainers(
      view((subscription) => subscription === other),
      limits(),
    );
    expect(containers).toHaveLength(4);
    expect(unread).toEqual([{ where: `subscription ${other}`, error: throttled }]);
    await expect(
      listBlobContainers(
        view(() => true),
        limits(),
      ),
    ).rejects.toBe(throttled);
  });

  test.each([
    ["a sign-in that fails", new InputError("SIGN_IN_FAILED", "no"), { code: "SIGN_IN_FAILED" }],
    ["a defect", new TypeError("oops"), { name: "TypeError" }],
  ])("%s is no property of one account", async (_what, error, expected) => {
    const listing = listBlobContainers(azureView({ "demos/artifacts": error }), limits());
    await expect(listing).rejects.toMatchObject(expected);
  });
});

describe("resolveBlobContainer by id", () => {
  test("asks for that container alone and answers in ARM's case", async () => {
    const journal: string[] = [];
    const view = azureView(ACCOUNTS, journal);
    const id = await resolveBlobContainer(view, limits(), armId("DEMOS", "artifacts", "store"));
    expect(blobContainerArmId(id)).toBe(armId("demos", "artifacts", "store"));
    expect(journal).toEqual(["container artifacts/store"]);
  });

  test.each([
    ["another resource group", { resourceGroup: "demos" }, null, armId("other", "payrolldata", "payroll")],
    ["another account", { storageAccount: "artifacts" }, null, armId("demos", "archive", "datasets")],
    [
      "another subscription",
      { subscriptionId: SUBSCRIPTION },
      null,
      armId("demos", "artifacts", "store", "00000000-0000-4000-8000-000000000000"),
    ],
    [
      "another container than the only one",
      {},
      armId("demos", "artifacts", "store"),
      armId("demos", "artifacts", "datasets"),
    ],
    ["the service's own account", {}, null, armId("latchkey", OWN_ACCOUNT, "latchkey")],
    ["the service's own account in capitals", {}, null, armId("latchkey", OWN_ACCOUNT, "latchkey").toUpperCase()],
    ["the host's account", {}, null, armId("latchkey", HOST_ACCOUNT, "azure-webjobs-secrets")],
    ["the host's account in capitals", {}, null, armId("latchkey", HOST_ACCOUNT, "store").toUpperCase()],
    [
      "the service's own account as the only resource",
      {},
      armId("latchkey", OWN_ACCOUNT, "latchkey"),
      armId("latchkey", OWN_ACCOUNT, "latchkey"),
    ],
  ])("refuses %s before Azure is asked", async (_what, configuration, only, text) => {
    const journal: string[] = [];
    const resolving = resolveBlobContainer(azureView(ACCOUNTS, journal), limits(configuration, only), text);
    await expect(resolving).rejects.toMatchObject({ code: "DENIED" });
    expect(journal).toEqual([]);
  });

  test("one that is not there is RESOURCE_NOT_FOUND", async () => {
    const resolving = resolveBlobContainer(azureView(ACCOUNTS), limits(), armId("demos", "artifacts", "nothing"));
    await expect(resolving).rejects.toMatchObject({ code: "RESOURCE_NOT_FOUND" });
  });
});

describe("resolveBlobContainer by alias", () => {
  const resolve = (text: string, wanted = limits(), accounts: Parameters<typeof azureView>[0] = ACCOUNTS) =>
    resolveBlobContainer(azureView(accounts), wanted, text);

  test.each(["store", "az://store", "abfs://store"])(
    "finds %s; the own accounts' namesakes do not count",
    async (text) => {
      expect(await resolve(text)).toMatchObject({ account: "artifacts", container: "store" });
    },
  );

  test("several of that name: AMBIGUOUS_RESOURCE with the ids to choose from", async () => {
    await expect(resolve("datasets")).rejects.toMatchObject({
      code: "AMBIGUOUS_RESOURCE",
      candidates: [armId("demos", "archive", "datasets"), armId("demos", "artifacts", "datasets")],
    });
  });

  test("the limits decide between namesakes", async () => {
    expect(await resolve("datasets", limits({ storageAccount: "archive" }))).toMatchObject({ account: "archive" });
  });

  test.each(["payroll", "latchkey", "azure-webjobs-secrets", "nothing"])(
    "outside the limits or nowhere: %s is not found",
    async (text) => {
      await expect(resolve(text, limits({ resourceGroup: "demos" }))).rejects.toMatchObject({
        code: "RESOURCE_NOT_FOUND",
      });
    },
  );

  test.each([true, false])("an unread account could hold a namesake: refused, retryable %s", async (retryable) => {
    const accounts = { ...ACCOUNTS, "demos/archive": refused(retryable) };
    await expect(resolve("store", limits(), accounts)).rejects.toMatchObject({ code: "UPSTREAM_REFUSED", retryable });
  });

  test("an unread account outside the limits does not matter", async () => {
    const accounts = { ...ACCOUNTS, "other/payrolldata": refused() };
    expect(await resolve("store", limits({ resourceGroup: "demos" }), accounts)).toMatchObject({
      account: "artifacts",
    });
  });
});
