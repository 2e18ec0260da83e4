/** What a connector sees of Azure through ARM, and how failures of ARM and Entra are told. */
import { inspect } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createOpenAzure } from "../../shared/azure/arm-resources.ts";
import { createConnectorIdentities } from "../../shared/azure/identity.ts";
import type { AzureView, SignIn } from "../../shared/connectors/ports.ts";
import { type Control, createControl } from "../support/control.ts";
import { SUBSCRIPTION } from "../support/fakes.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { signInOf } from "../support/product-parts.ts";

let azure: LocalAzure;
let control: Control;
let view: AzureView;
const open = (signIn: SignIn) => createOpenAzure(createConnectorIdentities())(signIn);
beforeAll(async () => {
  azure = await startLocalAzure();
  control = createControl(azure);
  view = open(signInOf(azure, "zenml-connector"));
});
afterAll(() => azure.stop());
afterEach(() => control.clear());

const ARTIFACTS = { subscriptionId: SUBSCRIPTION, resourceGroup: "demo-zenml-demos", account: "demozenmlartifacts" };
const STORE = { ...ARTIFACTS, container: "demo-zenmlartifactstore" };
const named = (accounts: readonly { account: string }[]) => accounts.map(({ account }) => account).toSorted();

describe("a Reader", () => {
  test("signs in and sees subscriptions, accounts, those of a group, and containers", async () => {
    await view.signIn();
    expect(await view.subscriptions()).toEqual([{ subscriptionId: SUBSCRIPTION, displayName: "ZenML Subscription" }]);
    const all = await view.storageAccounts(SUBSCRIPTION, null);
    expect(all).toContainEqual({ ...ARTIFACTS, location: "westeurope", isHnsEnabled: false });
    expect(named(all)).toContain("otherteamdata");
    expect(named(await view.storageAccounts(SUBSCRIPTION, "DEMO-zenml-demos"))).toEqual([
      "demozenmlarchive",
      "demozenmlartifacts",
    ]);
    expect([...(await view.containers(ARTIFACTS))].toSorted()).toEqual(["datasets", "demo-zenmlartifactstore"]);
  });

  test("gets a container in ARM's own case, however it was written", async () => {
    expect(await view.container({ ...STORE, resourceGroup: "DEMO-ZENML-DEMOS" })).toEqual(STORE);
  });

  test.each([
    ["container", { ...STORE, container: "nothing" }],
    ["account", { ...STORE, account: "nosuchaccount" }],
    ["resource group", { ...STORE, resourceGroup: "nothing" }],
    ["subscription", { ...STORE, subscriptionId: "00000000-0000-4000-8000-000000000000" }],
    ["account in this group", { ...STORE, account: "otherteamdata", container: "payroll" }],
  ])("no such %s is null", async (_what, id) => {
    expect(await view.container(id)).toBeNull();
  });

  test("an unknown group has no accounts; an unknown subscription is no empty one", async () => {
    expect(await view.storageAccounts(SUBSCRIPTION, "nothing")).toEqual([]);
    const unknown = view.storageAccounts("00000000-0000-4000-8000-000000000000", null);
    await expect(unknown).rejects.toMatchObject({ code: "UPSTREAM_REFUSED", failure: { status: 404 } });
  });
});

describe("somebody without a role", () => {
  test("signs in, sees no subscription, and is refused the rest with the role to grant", async () => {
    const stranger = open(signInOf(azure, "stranger"));
    await stranger.signIn();
    expect(await stranger.subscriptions()).toEqual([]);
    const refusal = {
      code: "UPSTREAM_REFUSED",
      retryable: false,
      message: expect.stringContaining("Reader"),
      failure: { status: 403, code: "AuthorizationFailed" },
    };
    await expect(stranger.container(STORE)).rejects.toMatchObject(refusal);
    await expect(stranger.containers(ARTIFACTS)).rejects.toMatchObject(refusal);
  });
});

describe("a sign-in that Entra refuses is SIGN_IN_FAILED with its number", () => {
  test.each<[string, (good: SignIn) => SignIn, string]>([
    [
      "a wrong secret",
      (good) => ({ ...good, secret: { kind: "clientSecret", read: async () => "wrong" } }),
      "AADSTS7000215",
    ],
    [
      "an unknown client",
      (good) => ({ ...good, configuration: { ...good.configuration, clientId: SUBSCRIPTION } }),
      "AADSTS700016",
    ],
    [
      "an unknown tenant",
      (good) => ({ ...good, configuration: { ...good.configuration, tenantId: SUBSCRIPTION } }),
      "AADSTS90002",
    ],
  ])("%s", async (_what, change, number) => {
    const broken = open(change(signInOf(azure, "zenml-connector")));
    const refusal = { name: "InputError", code: "SIGN_IN_FAILED", message: expect.stringContaining(number) };
    await expect(broken.signIn()).rejects.toMatchObject(refusal);
    // Also from within an SDK client, where it comes wrapped.
    await expect(broken.subscriptions()).rejects.toMatchObject(refusal);
    await expect(broken.container(STORE)).rejects.toMatchObject(refusal);
  });
});

describe("faults", () => {
  test.each([
    { status: 429, code: "TooManyRequests" },
    { status: 503, code: "ServerTimeout" },
    { status: 500, code: "InternalServerError" },
  ])("ARM's $status is UPSTREAM_REFUSED, retryable, with Retry-After", async ({ status, code }) => {
    await control.fault({ service: "arm", status, retryAfterSeconds: 1 });
    const failure = { code: "UPSTREAM_REFUSED", retryable: true, retryAfterSeconds: 1, failure: { status, code } };
    await expect(view.subscriptions()).rejects.toMatchObject(failure);
    await expect(view.container(STORE)).rejects.toMatchObject(failure);
  });

  test.each([429, 503])(
    "%d with a Retry-After of a minute ends the call at the first answer, and says so",
    async (status) => {
      await control.fault({ service: "arm", status, retryAfterSeconds: 60 });
      const failure = { code: "UPSTREAM_REFUSED", retryable: true, retryAfterSeconds: 60, failure: { status } };
      await expect(view.subscriptions()).rejects.toMatchObject(failure);
      expect(await control.clear()).toBe(1);
    },
  );

  test("one bad answer is repeated and not noticed", async () => {
    await control.fault({ service: "arm", status: 503, times: 1 }, { service: "arm", drop: true, times: 1 });
    expect(await view.subscriptions()).toEqual([{ subscriptionId: SUBSCRIPTION, displayName: "ZenML Subscription" }]);
    expect(await control.clear()).toBe(2);
  });

  test("Entra down is not the connector's fault", async () => {
    await control.fault({ service: "entra", status: 503 });
    const fresh = open(signInOf(azure, "zenml-connector"));
    await expect(fresh.signIn()).rejects.toMatchObject({ name: "UpstreamError", retryable: true });
  });

  test("a refusal carries neither token nor request", async () => {
    const stranger = open(signInOf(azure, "stranger"));
    const thrown: unknown = await stranger.container(STORE).catch((error: unknown) => error);
    const shown = inspect(thrown, { depth: null, showHidden: true });
    expect(shown).toContain("UPSTREAM_REFUSED");
    expect(shown).not.toMatch(/eyJ|Bearer |authorization:/i);
  });
});
