import { describe, expect, test } from "vitest";
import type { Check } from "../../../../shared/connectors/check.ts";
import type { Permission, Registry, Vault } from "../../../../shared/connectors/ports.ts";
import type { Probes } from "../../../../shared/connectors/probe.ts";
import { type VerifyAsk, verifyConnector } from "../../../../shared/connectors/verify.ts";
import { UpstreamError } from "../../../../shared/errors.ts";
import { azureView, now, OBJECT, SUBSCRIPTION } from "../../../support/fakes.ts";
import { permission, refusal, verifyAsk } from "../../../support/fakes-verify.ts";

const PLACE = { subscriptionId: SUBSCRIPTION, resourceGroup: "demos" };
const GROUP = `/subscriptions/${SUBSCRIPTION}/resourceGroups/demos`;
const OWNER = permission({ actions: ["*"] });
const READER = permission({ actions: ["*/read"] });

type Given = {
  permissions?: readonly Permission[] | Error;
  probes?: Partial<Probes>;
  view?: object;
  method?: VerifyAsk["authMethod"];
};

async function check(type: VerifyAsk["types"][number], given: Given, resourceId?: string): Promise<Check> {
  const { permissions = [], probes = {}, view = {}, method = "service-principal" } = given;
  const ask = verifyAsk({
    view: {
      ...azureView({ "demos/artifacts": ["store"] }),
      permissions: async () => {
        if (permissions instanceof Error) throw permissions;
        return permissions;
      },
      ...view,
    },
    probes,
    types: [type],
    authMethod: method,
    ...(resourceId === undefined ? {} : { resourceId }),
  });
  const [result] = (await verifyConnector(ask, now)).resourceTypes;
  const [first] = result?.checks ?? [];
  if (first === undefined) throw new Error(`nothing was looked at: ${JSON.stringify(result)}`);
  return first;
}

/** `access: ok code`, with the role that mends it. */
const summary = ({ access }: Check) =>
  Object.fromEntries(
    access.map(({ access: name, ok, code, remedy }) => [
      name,
      [ok, code, remedy === null ? null : (remedy.role ?? "set-policy")].filter((part) => part !== null).join(" "),
    ]),
  );

describe("blob container", () => {
  const blob = (given: Given) => check("blob-container", given);

  test("a reader's role is in order for reading; what nothing proves is not guessed", async () => {
    const found = await blob({});
    expect(found.state).toBe("ok");
    expect(summary(found)).toEqual({
      read: "true",
      list: "true",
      write: "NOT_PROVED",
      delete: "NOT_PROVED",
      sign: "true",
    });
  });

  test("Contributor is control plane only", async () => {
    const found = await blob({ permissions: [OWNER], probes: { listBlobs: refusal("role") } });
    expect(found.state).toBe("failed");
    expect(summary(found)).toMatchObject({
      read: "false CONTROL_PLANE_ONLY Storage Blob Data Reader",
      list: "false CONTROL_PLANE_ONLY Storage Blob Data Reader",
      sign: "true",
    });
  });

  test("no role at all: each access names its role and scope", async () => {
    const found = await blob({
      permissions: [READER],
      probes: { listBlobs: refusal("role"), delegationKey: refusal("role") },
    });
    expect(found.state).toBe("failed");
    expect(summary(found)).toMatchObject({
      read: "false ROLE_MISSING Storage Blob Data Reader",
      sign: "false ROLE_MISSING Storage Blob Delegator",
    });
    const scopes = Object.fromEntries(found.access.map(({ access, remedy }) => [access, remedy?.scope]));
    const account = `${GROUP}/providers/Microsoft.Storage/storageAccounts/artifacts`;
    expect(scopes).toMatchObject({ sign: account, read: `${account}/blobServices/default/containers/store` });
    expect(found.access[0]?.remedy?.az).toContain(`--assignee-object-id ${OBJECT} `);
  });

  test("a data role at the container alone: it can be read, and nothing be signed for", async () => {
    const found = await blob({ probes: { delegationKey: refusal("role") } });
    expect([found.state, summary(found).sign]).toEqual(["degraded", "false ROLE_MISSING Storage Blob Delegator"]);
  });

  test("a network that keeps us out is no missing role", async () => {
    const probes = { listBlobs: refusal("network"), delegationKey: refusal("network") };
    const found = await blob({ permissions: [OWNER], probes });
    expect(summary(found)).toMatchObject({ read: "false NETWORK_BLOCKED", sign: "false NETWORK_BLOCKED" });
  });

  test("a container that is gone, and a refusal for another reason", async () => {
    expect(summary(await blob({ probes: { listBlobs: refusal("gone") } })).read).toBe("false RESOURCE_NOT_FOUND");
    expect(summary(await blob({ probes: { listBlobs: refusal("other", "Odd") } })).read).toBe("false UPSTREAM_REFUSED");
  });

  test("directories are a finding", async () => {
    const account = { ...PLACE, account: "artifacts", location: "westeurope", isHnsEnabled: true };
    expect((await blob({})).findings).toEqual([]);
    expect((await blob({ view: { storageAccounts: async () => [account] } })).findings).toEqual(["HNS"]);
  });

  test("permissions that may not be read are not known", async () => {
    const refused = new UpstreamError("UPSTREAM_REFUSED", "no", { retryable: false });
    expect(summary(await blob({ permissions: refused })).write).toBe("NOT_PROVED");
  });
});

describe("container registry", () => {
  const registry = (changes: Partial<Registry>, given: Given) => {
    const details: Registry = {
      ...PLACE,
      registry: "demoregistry",
      loginServer: "demoregistry.azurecr.io",
      tier: "Standard",
      mode: "legacy",
      adminUserEnabled: false,
      takesArmTokens: true,
      ...changes,
    };
    return check("docker-registry", { ...given, view: { registries: async () => [details] } });
  };
  const PULL = permission({ actions: ["Microsoft.ContainerRegistry/registries/pull/read"] });
  const REPOSITORY_READER = permission({
    dataActions: [
      "Microsoft.ContainerRegistry/registries/repositories/content/read",
      "Microsoft.ContainerRegistry/registries/repositories/metadata/read",
    ],
  });

  test.each([
    [
      "AcrPull",
      [PULL],
      "ok",
      { read: "true", write: "false ROLE_MISSING AcrPush", delete: "false ROLE_MISSING AcrDelete" },
    ],
    ["Owner", [OWNER], "ok", { read: "true", write: "true", delete: "true" }],
    ["Reader, who may pull", [READER], "ok", { read: "true", write: "false ROLE_MISSING AcrPush" }],
    ["only a role of repositories", [REPOSITORY_READER], "failed", { read: "false ROLE_MISSING AcrPull" }],
  ])("legacy mode: %s", async (_role, permissions, state, expected) => {
    const found = await registry({}, { permissions });
    expect([found.state, summary(found)]).toMatchObject([state, expected]);
  });

  test.each([
    [
      "a role of repositories",
      [REPOSITORY_READER],
      "ok",
      { read: "true", write: "NOT_PROVED Container Registry Repository Writer" },
    ],
    ["AcrPull", [PULL], "unknown", { read: "ROLE_NOT_HONOURED Container Registry Repository Reader" }],
    ["Owner", [OWNER], "unknown", { delete: "ROLE_NOT_HONOURED Container Registry Repository Contributor" }],
    ["nothing", [], "unknown", { read: "NOT_PROVED Container Registry Repository Reader" }],
  ])("ABAC mode: %s", async (_role, permissions, state, expected) => {
    const found = await registry({ mode: "abac" }, { permissions });
    expect([found.state, summary(found)]).toMatchObject([state, expected]);
    expect(found.findings).toEqual(["ABAC_MODE"]);
  });

  test("findings: an administrator's account, and tokens that are not taken", async () => {
    const changes = { adminUserEnabled: true, takesArmTokens: false };
    expect((await registry(changes, {})).findings).toEqual(["ADMIN_USER_ENABLED"]);
    expect((await registry(changes, { method: "access-token" })).findings).toContain("ARM_TOKENS_REFUSED");
  });
});

describe("key vault", () => {
  const vault = (changes: Partial<Vault>, given: Given = {}) => {
    const details: Vault = { ...PLACE, vault: "examplevault", hasRbac: true, ...changes };
    return check("key-vault-secret", { ...given, view: { vaults: async () => [details] } });
  };
  const GET = permission({ dataActions: ["Microsoft.KeyVault/vaults/secrets/getSecret/action"] });

  test("names are proved; values are read by nobody, so only permissions speak for them", async () => {
    expect(summary(await vault({}))).toEqual({ list: "true", read: "NOT_PROVED" });
    expect(summary(await vault({}, { permissions: [GET] }))).toEqual({ list: "true", read: "true" });
  });

  test.each([
    ["a role", {}, "role", "degraded", "false ROLE_MISSING Key Vault Secrets User", []],
    [
      "an access policy",
      { hasRbac: false },
      "policy",
      "degraded",
      "false ACCESS_POLICY_MISSING set-policy",
      ["ACCESS_POLICIES"],
    ],
    ["its network", {}, "network", "failed", "false NETWORK_BLOCKED", []],
  ] as const)("refused for %s", async (_what, changes, reason, state, list, findings) => {
    const found = await vault(changes, { probes: { listSecrets: refusal(reason) } });
    expect([found.state, summary(found).list, found.findings]).toEqual([state, list, findings]);
  });
});

test("a role for the whole vault is not recommended without the scope of a single secret", async () => {
  const vaults = async () => [{ ...PLACE, vault: "examplevault", hasRbac: true }];
  const found = await check("key-vault-secret", { view: { vaults }, probes: { listSecrets: refusal("role") } });
  expect(found.access[0]?.message).toContain(`${GROUP}/providers/Microsoft.KeyVault/vaults/examplevault/secrets/`);
});

describe("one secret, whose vault is not looked up", () => {
  const URL = "https://examplevault.vault.azure.net/secrets/example-secret";
  const secret = (listVersions: Probes["listVersions"]) => check("key-vault-secret", { probes: { listVersions } }, URL);

  test("that it is seen does not prove that it may be read", async () => {
    const found = await secret(async () => ({ ok: true }));
    expect([found.state, summary(found)]).toEqual(["ok", { list: "true", read: "NOT_PROVED" }]);
  });

  test.each([
    ["role", "failed", "false ROLE_MISSING Key Vault Secrets User"],
    ["policy", "unknown", "ACCESS_POLICY_MISSING set-policy"],
    ["network", "failed", "false NETWORK_BLOCKED"],
    ["gone", "failed", "false RESOURCE_NOT_FOUND"],
    ["other", "failed", "false UPSTREAM_REFUSED"],
  ] as const)("refused for %s: %s", async (reason, state, read) => {
    const found = await secret(refusal(reason));
    expect([found.state, summary(found)]).toEqual([state, { read }]);
  });
});
