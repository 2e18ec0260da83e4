import { describe, expect, test } from "vitest";
import { NO_APP_IDENTITY } from "../../../../shared/connectors/app-identity.ts";
import { type Candidate, lookAtCandidate, takeUnverified } from "../../../../shared/connectors/candidate.ts";
import type { AzureView, Registry } from "../../../../shared/connectors/ports.ts";
import { UpstreamError } from "../../../../shared/errors.ts";
import {
  azureView,
  CLIENT,
  connectorRequest,
  HOST_ACCOUNT,
  OWN_VAULT,
  registerParts,
  SUBSCRIPTION,
} from "../../../support/fakes.ts";
import { cluster } from "../../../support/fakes-cluster.ts";

const IN_GROUP = `/subscriptions/${SUBSCRIPTION}/resourceGroups/group/providers`;
const containerId = (account: string, container: string) =>
  `${IN_GROUP}/Microsoft.Storage/storageAccounts/${account}/blobServices/default/containers/${container}`;
const registryId = (name: string) => `${IN_GROUP}/Microsoft.ContainerRegistry/registries/${name}`;
const clusterId = (name: string) => `${IN_GROUP}/Microsoft.ContainerService/managedClusters/${name}`;
const PLACE = { subscriptionId: SUBSCRIPTION, resourceGroup: "group" };
const registry = (name: string): Registry => ({
  ...PLACE,
  registry: name,
  loginServer: `${name}.azurecr.io`,
  tier: "Standard",
  mode: "legacy",
  adminUserEnabled: false,
  takesArmTokens: true,
});
const clusterOf = (name: string) => cluster({ ...PLACE, cluster: name });
const AZURE: AzureView = {
  ...azureView({ "group/accountone": ["data", "twice", "shared1"], "group/accounttwo": ["twice"] }),
  registries: async () => [registry("images"), registry("shared1")],
  clusters: async () => [clusterOf("training"), clusterOf("shared1")],
};

function parts(changes: Partial<Candidate> = {}, view: Partial<AzureView> = {}) {
  const { deps } = registerParts(() => ({ ...AZURE, ...view }));
  const candidate: Candidate = {
    authMethod: "service-principal",
    cloud: "public",
    configuration: connectorRequest().configuration,
    resourceTypes: [],
    resourceId: null,
    secret: null,
    ...changes,
  };
  return { deps, candidate };
}
async function look(changes: Partial<Candidate>, view?: Partial<AzureView>) {
  const { deps, candidate } = parts(changes, view);
  return (await lookAtCandidate(deps, candidate)).resourceId;
}
const limited = (limits: object) => ({ ...connectorRequest().configuration, ...limits });

describe("a name as the only resource, with no types named", () => {
  test.each([
    ["az://data", containerId("accountone", "data")],
    ["data", containerId("accountone", "data")],
    ["images", registryId("images")],
    ["images.azurecr.io", registryId("images")],
    ["training", clusterId("training")],
    ["GROUP/TRAINING", clusterId("training")],
    ["zenml subscription", `/subscriptions/${SUBSCRIPTION}`],
    [SUBSCRIPTION.toUpperCase(), `/subscriptions/${SUBSCRIPTION}`],
  ])("%s", async (resourceId, canonical) => {
    expect(await look({ resourceId })).toBe(canonical);
  });

  test("what resources of several types are called is ambiguous, and a type decides it", async () => {
    await expect(look({ resourceId: "shared1" })).rejects.toMatchObject({
      code: "AMBIGUOUS_RESOURCE",
      candidates: expect.arrayContaining([
        containerId("accountone", "shared1"),
        registryId("shared1"),
        clusterId("shared1"),
      ]),
    });
    expect(await look({ resourceId: "shared1", resourceTypes: ["docker-registry"] })).toBe(registryId("shared1"));
    expect(await look({ resourceId: "az://shared1" })).toBe(containerId("accountone", "shared1"));
  });

  test("several of one type are candidates as well", async () => {
    await expect(look({ resourceId: "twice" })).rejects.toMatchObject({
      code: "AMBIGUOUS_RESOURCE",
      candidates: [containerId("accountone", "twice"), containerId("accounttwo", "twice")],
    });
  });

  test.each([
    ["nothing-of-this-name", "RESOURCE_NOT_FOUND"],
    ["az://nothing", "RESOURCE_NOT_FOUND"],
    ["az://Not_A_Container", "INVALID_REQUEST"],
    ["a/b/c", "INVALID_REQUEST"],
    ["az://../x", "INVALID_REQUEST"],
  ])("%s: %s", async (resourceId, code) => {
    await expect(look({ resourceId })).rejects.toMatchObject({ code });
  });

  test.each(["registries", "clusters", "subscriptions", "storageAccounts"] as const)(
    "when %s cannot be listed nothing is guessed",
    async (list) => {
      const outage = async () => {
        throw new UpstreamError("UPSTREAM_REFUSED", "not now", { retryable: true });
      };
      await expect(look({ resourceId: "training" }, { [list]: outage })).rejects.toMatchObject({
        code: "UPSTREAM_REFUSED",
      });
    },
  );

  test("only types that the limits leave are looked at", async () => {
    const noRegistries = async () => {
      throw new UpstreamError("UPSTREAM_REFUSED", "not now", { retryable: true });
    };
    const configuration = limited({ storageAccount: "accountone" });
    expect(await look({ resourceId: "shared1", configuration }, { registries: noRegistries })).toBe(
      containerId("accountone", "shared1"),
    );
    await expect(look({ resourceId: "images", configuration })).rejects.toMatchObject({ code: "RESOURCE_NOT_FOUND" });
    await expect(
      look({ resourceId: "other/training", configuration: limited({ resourceGroup: "group" }) }),
    ).rejects.toMatchObject({ code: "DENIED" });
  });

  test("only types that the method serves are looked at", async () => {
    const authMethod = "access-token";
    await expect(look({ authMethod, resourceId: "data" })).rejects.toMatchObject({ code: "RESOURCE_NOT_FOUND" });
    await expect(look({ authMethod, resourceId: "az://data" })).rejects.toMatchObject({ code: "INVALID_REQUEST" });
    expect(await look({ authMethod, resourceId: "images" })).toBe(registryId("images"));
  });

  test("what a name means must be the one type that is named, as with a full id", async () => {
    const both = ["blob-container", "docker-registry"] as const;
    for (const resourceId of ["images", registryId("images")]) {
      await expect(look({ resourceId, resourceTypes: both })).rejects.toMatchObject({
        code: "INVALID_REQUEST",
        problems: [{ path: "/resourceTypes" }],
      });
    }
    await expect(look({ resourceId: "images", resourceTypes: ["kubernetes-cluster"] })).rejects.toMatchObject({
      code: "RESOURCE_NOT_FOUND",
    });
  });

  test("a secret is named by its URL; a version of it stands for the secret", async () => {
    const url = "https://examples.vault.azure.net/secrets/key";
    for (const resourceId of [url, `${url}/0123456789abcdef0123456789abcdef`])
      expect(await look({ resourceId })).toBe(url);
  });
});

describe.each([true, false])("with verify=%s", (verify) => {
  const take = async (changes: Partial<Candidate>, app = NO_APP_IDENTITY) => {
    const { deps, candidate } = parts(changes);
    return verify ? lookAtCandidate({ ...deps, app }, candidate) : takeUnverified({ ...deps, app }, candidate);
  };

  test.each([
    containerId("latchkeystate", "latchkey"),
    containerId("LatchkeyState", "latchkey").toUpperCase(),
    containerId(HOST_ACCOUNT, "azure-webjobs-secrets"),
    `https://${OWN_VAULT}.vault.azure.net/secrets/audit-credential-mac`,
    `https://${OWN_VAULT.toUpperCase()}.vault.azure.net/secrets/x`,
  ])("the service's own %s is refused", async (resourceId) => {
    await expect(take({ resourceId })).rejects.toMatchObject({ code: "DENIED" });
  });

  test.each<[string, object, Candidate["resourceTypes"]]>([
    ["a subscription's token", { resourceGroup: "group" }, ["azure-generic"]],
    ["a subscription's token", { storageAccount: "accountone" }, ["azure-generic"]],
    ["a registry", { storageAccount: "accountone" }, ["docker-registry"]],
    ["a registry beside a container", { storageAccount: "accountone" }, ["blob-container", "docker-registry"]],
    ["a vault", { subscriptionId: SUBSCRIPTION }, ["key-vault-secret"]],
  ])("%s is never served under %j", async (_what, limits, resourceTypes) => {
    await expect(take({ configuration: limited(limits), resourceTypes })).rejects.toMatchObject({
      code: "INVALID_REQUEST",
      problems: [{ path: "/resourceTypes" }],
    });
  });

  test("a secret that is named for itself is served under any limits", async () => {
    const resourceId = "https://examples.vault.azure.net/secrets/key";
    const configuration = limited({ subscriptionId: SUBSCRIPTION });
    expect(await take({ configuration, resourceTypes: ["key-vault-secret"], resourceId })).toMatchObject({
      resourceId,
    });
  });

  test("the app's own identity is no connector's, by whichever method", async () => {
    const app = { ...NO_APP_IDENTITY, appClientId: CLIENT, ownClientIds: [CLIENT], hasManagedIdentities: true };
    for (const authMethod of ["service-principal", "managed-identity"] as const) {
      await expect(take({ authMethod }, app)).rejects.toMatchObject({ code: "DENIED" });
      await expect(take({ authMethod }, { ...app, allowsImplicit: true })).resolves.toBeDefined();
    }
  });
});
