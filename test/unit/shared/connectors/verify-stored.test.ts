import { describe, expect, test } from "vitest";
import type { Connector } from "../../../../shared/connectors/connector.ts";
import type { AzureView } from "../../../../shared/connectors/ports.ts";
import type { RegisterDeps } from "../../../../shared/connectors/register.ts";
import { verifyRequest, verifyStored } from "../../../../shared/connectors/verify-stored.ts";
import { InputError, UpstreamError } from "../../../../shared/errors.ts";
import {
  ADMIN,
  azureView,
  connector,
  connectorRequest,
  NOW_TEXT,
  OPEN_STORES,
  registerParts,
  SECRET,
  SUBSCRIPTION,
  unavailable,
} from "../../../support/fakes.ts";
import { refusal } from "../../../support/fakes-verify.ts";

const CONTEXT = { rule: "role:Latchkey.Admin", correlationId: "c-1" };
const ALL = { resourceType: null, resourceId: null };
const CONTAINERS = { "group/accountone": ["data", "more"] };
const DATA = `/subscriptions/${SUBSCRIPTION}/resourceGroups/group/providers/Microsoft.Storage/storageAccounts/accountone/blobServices/default/containers/data`;
const OLD = "2026-11-01T10:00:00Z";

async function parts(changes: Partial<Connector> = {}, view: Partial<AzureView> = {}) {
  const made = registerParts((journal) => ({ ...azureView(CONTAINERS, journal), ...view }));
  const stored = connector({
    resourceTypes: ["blob-container", "azure-generic"],
    state: "unverified",
    checkedAt: null,
    ...changes,
  });
  await made.store.insert(stored);
  made.journal.length = 0;
  const row = () => made.store.rows.get(stored.name);
  const verify = (part: Partial<typeof ALL> | object = {}, deps: Partial<RegisterDeps> = {}) =>
    verifyStored({ ...made.deps, ...deps }, stored.name, { ...ALL, ...part }, ADMIN, CONTEXT);
  return { ...made, stored, row, verify };
}

describe("verifyStored", () => {
  test("signs in anew, looks, says so in the audit trail, and keeps state, time and findings", async () => {
    const { verify, row, stored, verifications, audited, signIns, journal } = await parts();
    const { connector: after, etag, verification } = await verify();
    expect(signIns.map(({ key }) => key)).toEqual([null]);
    expect(verification).toMatchObject({ state: "healthy", checkedAt: NOW_TEXT });
    expect(row()).toEqual({ ...stored, state: "healthy", checkedAt: NOW_TEXT });
    expect([after, etag]).toEqual([row(), 'W/"2"']);
    expect(await verifications.get(stored.id)).toEqual(verification);
    expect(audited).toMatchObject([
      {
        event: "connector.verified",
        outcome: "ok",
        principalId: ADMIN.id,
        resourceId: stored.id,
        rule: CONTEXT.rule,
        correlationId: "c-1",
        detail: { name: stored.name, state: "healthy", resourceType: null },
      },
    ]);
    const ofState = journal.filter((entry) => /^(store|audit|verifications)/.test(entry));
    expect(ofState).toEqual(["audit connector.verified ok", "store.replace", "verifications.put"]);
  });

  test("a sign-in that is refused is a verdict on everything, whichever part was asked for", async () => {
    const error = new InputError("SIGN_IN_FAILED", "The client secret has expired.");
    const { verify, row, verifications, stored } = await parts({}, { signIn: () => Promise.reject(error) });
    const { verification } = await verify({ resourceType: "azure-generic" });
    expect(row()?.state).toBe("failed");
    const rows = ["blob-container", "azure-generic"].map((resourceType) => ({
      resourceType,
      state: "error",
      error: { code: "SIGN_IN_FAILED", remedy: error.message },
    }));
    expect(verification.resourceTypes).toMatchObject(rows);
    expect(await verifications.get(stored.id)).toEqual(verification);
  });

  test.each([
    [
      "at the sign-in",
      { signIn: () => Promise.reject(new UpstreamError("UPSTREAM_TIMEOUT", "x", { retryable: true })) },
    ],
    [
      "at the resources",
      { subscriptions: () => Promise.reject(new UpstreamError("UPSTREAM_REFUSED", "x", { retryable: true })) },
    ],
  ])("an outage %s says nothing of the connector: nothing is kept", async (_where, view) => {
    const { verify, row, stored, audited, verifications } = await parts({}, view);
    await expect(verify()).rejects.toBeInstanceOf(UpstreamError);
    expect([row(), audited, [...verifications.ids]]).toEqual([stored, [], []]);
  });

  test.each([
    [{ expiresAt: OLD }, "CONNECTOR_EXPIRED"],
    [{ state: "disabled" }, "CONNECTOR_DISABLED"],
  ] as const)("%j: %s", async (changes, code) => {
    const { verify, signIns } = await parts(changes);
    await expect(verify()).rejects.toMatchObject({ code });
    expect(signIns).toEqual([]);
  });

  test("one type: the others keep what is known of them", async () => {
    const { verify, row, verifications, stored } = await parts();
    const refused = { ...OPEN_STORES, listBlobs: refusal("role") };
    await verify({}, { openProbes: () => refused });
    expect(row()?.state).toBe("degraded");
    const { verification } = await verify({ resourceType: "azure-generic" });
    expect(verification.resourceTypes.map(({ resourceType }) => resourceType)).toEqual(["azure-generic"]);
    expect(verification.state).toBe("healthy");
    expect(row()?.state).toBe("degraded");
    expect((await verifications.get(stored.id))?.resourceTypes.map(({ state }) => state)).toEqual(["error", "ok"]);
    await verify({ resourceType: "blob-container" });
    expect(row()?.state).toBe("healthy");
  });

  test("one resource: the others of its type keep what is known of them", async () => {
    const { verify, row, verifications, stored } = await parts();
    const refused = { ...OPEN_STORES, listBlobs: refusal("role") };
    await verify({}, { openProbes: () => refused });
    const { verification } = await verify({ resourceId: DATA });
    expect(verification.resourceTypes).toMatchObject([{ state: "ok", checks: [{ resourceId: DATA, state: "ok" }] }]);
    const [type] = (await verifications.get(stored.id))?.resourceTypes ?? [];
    expect(type).toMatchObject({ state: "degraded", resources: ["az://data", "az://more"] });
    expect(type?.checks.map(({ displayName, state }) => [displayName, state])).toEqual([
      ["az://more", "failed"],
      ["az://data", "ok"],
    ]);
    await verify({ resourceType: "blob-container", resourceId: "az://more" });
    expect(row()?.state).toBe("healthy");
  });

  test.each([
    [{ resourceType: "key-vault-secret" }, "INVALID_REQUEST"],
    [{ resourceId: "az://data" }, "INVALID_REQUEST"],
    [{ resourceType: "azure-generic", resourceId: DATA }, "INVALID_REQUEST"],
    [{ resourceType: "blob-container", resourceId: "az://none" }, "RESOURCE_NOT_FOUND"],
    [{ resourceType: "blob-container", resourceId: "az://../up" }, "INVALID_REQUEST"],
  ])("%j: %s, and nothing is kept", async (part, code) => {
    const { verify, row, stored, audited } = await parts();
    await expect(verify(part)).rejects.toMatchObject({ code });
    expect([row(), audited]).toEqual([stored, []]);
  });

  test("a change of labels in between is not lost", async () => {
    const { verify, row, store, stored, deps } = await parts();
    let isChanged = false;
    const replace: typeof store.replace = async (next, etag) => {
      if (!isChanged) {
        isChanged = true;
        const found = await store.find(stored.name);
        await store.replace({ ...stored, labels: { team: "vision" } }, found?.etag ?? "");
      }
      return store.replace(next, etag);
    };
    await verify({}, { store: { ...deps.store, replace } });
    expect(row()).toEqual({ ...stored, labels: { team: "vision" }, state: "healthy", checkedAt: NOW_TEXT });
  });

  test.each<[string, Partial<Connector>]>([
    ["another secret", { secret: { kind: "clientSecret", name: "connector", version: "v2", endsAt: null } }],
    ["other limits", { resourceTypes: ["azure-generic"] }],
  ])("of a connector with %s meanwhile it says nothing", async (_what, change) => {
    const { verify, row, store, stored, audited, verifications } = await parts();
    const changed = { ...stored, ...change };
    const appendAudit: RegisterDeps["appendAudit"] = async (event) => {
      audited.push(event);
      const found = await store.find(stored.name);
      await store.replace(changed, found?.etag ?? "");
    };
    await expect(verify({}, { appendAudit })).rejects.toMatchObject({ code: "ETAG_MISMATCH" });
    expect(row()).toEqual(changed);
    expect([...verifications.ids]).toEqual([]);
    expect(audited.map(({ outcome }) => outcome)).toEqual(["ok", "withdrawn"]);
  });

  test("one that was disabled meanwhile stays disabled", async () => {
    const { verify, row, store, stored } = await parts();
    const appendAudit = async () => {
      const found = await store.find(stored.name);
      await store.replace({ ...stored, state: "disabled" }, found?.etag ?? "");
    };
    await verify({}, { appendAudit });
    expect(row()?.state).toBe("disabled");
  });

  test("without the audit trail nothing is kept", async () => {
    const { verify, row, stored } = await parts();
    await expect(
      verify({}, { appendAudit: () => Promise.reject(unavailable("AUDIT_UNAVAILABLE")) }),
    ).rejects.toMatchObject({ code: "AUDIT_UNAVAILABLE" });
    expect(row()).toEqual(stored);
  });
});

describe("verifyRequest", () => {
  test("looks as registering does, and keeps nothing", async () => {
    const { deps, journal, signIns, audited } = registerParts();
    const { verification, resourceId } = await verifyRequest(deps, connectorRequest({ resourceId: "az://data" }));
    expect(verification?.state).toBe("healthy");
    expect(resourceId).toBe(DATA);
    expect(await signIns[0]?.secret?.read()).toBe(SECRET);
    expect(audited).toEqual([]);
    expect(journal.filter((entry) => /^(store|secrets|verifications|audit)/.test(entry))).toEqual([]);
  });

  test("refuses what registering refuses", async () => {
    const { deps } = registerParts();
    const past = connectorRequest({ expiresAt: OLD });
    await expect(verifyRequest(deps, past)).rejects.toMatchObject({ code: "INVALID_REQUEST" });
    const error = new InputError("SIGN_IN_FAILED", "no");
    const failing = registerParts(() => ({ ...azureView({}), signIn: () => Promise.reject(error) }));
    await expect(verifyRequest(failing.deps, connectorRequest())).rejects.toBe(error);
  });
});
