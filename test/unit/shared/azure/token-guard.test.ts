/** No client of the product sends a token to a host that is not meant, and each asks for its own cloud's scope. */
import { ContainerRegistryManagementClient } from "@azure/arm-containerregistry";
import { ContainerServiceClient } from "@azure/arm-containerservice";
import { KeyVaultManagementClient } from "@azure/arm-keyvault";
import { ManagedServiceIdentityClient } from "@azure/arm-msi";
import { SubscriptionClient } from "@azure/arm-resources-subscriptions";
import { StorageManagementClient } from "@azure/arm-storage";
import type { HttpClient, PipelineRequest } from "@azure/core-rest-pipeline";
import type { TokenCredential } from "@azure/identity";
import { SecretClient } from "@azure/keyvault-secrets";
import { BlobServiceClient } from "@azure/storage-blob";
import { describe, expect, test } from "vitest";
import {
  armOptions,
  BLOB_OPTIONS,
  blobOptions,
  clientOptions,
  ownOptions,
} from "../../../../shared/azure/client-options.ts";
import { CLOUD_NAMES, type CloudName, cloudOf } from "../../../../shared/cloud.ts";
import { SUBSCRIPTION } from "../../../support/fakes.ts";
import { fakeHttp, type HttpAnswer } from "../../../support/fakes-azure-http.ts";

const ELSEWHERE = "https://management.azure.com.evil.example";

/** A credential that keeps the scopes it was asked for. */
function keepingCredential() {
  const scopes: string[] = [];
  const credential: TokenCredential = {
    async getToken(asked) {
      scopes.push(...[asked].flat());
      return { token: "t", expiresOnTimestamp: Date.now() + 3_600_000 };
    },
  };
  return { scopes, credential };
}

type Listing = (credential: TokenCredential, cloud: CloudName, httpClient: HttpClient) => AsyncIterable<unknown>;
const optionsOf = (cloud: CloudName, httpClient: HttpClient) => ({ ...armOptions(cloud), httpClient });
const LISTINGS: Readonly<Record<string, Listing>> = {
  subscriptions: (credential, cloud, http) =>
    new SubscriptionClient(credential, optionsOf(cloud, http)).subscriptions.list(),
  accounts: (credential, cloud, http) =>
    new StorageManagementClient(credential, SUBSCRIPTION, optionsOf(cloud, http)).storageAccounts.list(),
  registries: (credential, cloud, http) =>
    new ContainerRegistryManagementClient(credential, SUBSCRIPTION, optionsOf(cloud, http)).registries.list(),
  clusters: (credential, cloud, http) =>
    new ContainerServiceClient(credential, SUBSCRIPTION, optionsOf(cloud, http)).managedClusters.list(),
  vaults: (credential, cloud, http) =>
    new KeyVaultManagementClient(credential, SUBSCRIPTION, optionsOf(cloud, http)).vaults.listBySubscription(),
  identities: (credential, cloud, http) =>
    new ManagedServiceIdentityClient(
      credential,
      SUBSCRIPTION,
      optionsOf(cloud, http),
    ).userAssignedIdentities.listBySubscription(),
};

async function readAll(listing: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  for await (const _item of listing) count += 1;
  return count;
}
const hostOf = ({ url }: PipelineRequest) => new URL(url).host;

describe.each(Object.entries(LISTINGS))("ARM: %s", (_what, list) => {
  test.each(CLOUD_NAMES)("asks %s's own ARM, with a token for it alone", async (cloud) => {
    const { scopes, credential } = keepingCredential();
    const { httpClient, requests } = fakeHttp(() => ({ status: 200, body: { value: [] } }));
    await readAll(list(credential, cloud, httpClient));
    const { resourceManager } = cloudOf(cloud);
    expect(new Set(scopes)).toEqual(new Set([`${resourceManager}/.default`]));
    expect(requests.map(hostOf)).toEqual([new URL(resourceManager).host]);
  });

  test("follows a link to the next page of ARM's own, in ARM's own form", async () => {
    const { httpClient, requests } = fakeHttp((index) => ({
      status: 200,
      body: { value: [], ...(index === 0 && { nextLink: "https://management.azure.com:443/next?api-version=1" }) },
    }));
    await readAll(list(keepingCredential().credential, "public", httpClient));
    expect(requests).toHaveLength(2);
  });

  test.each<[string, HttpAnswer]>([
    ["a link to the next page elsewhere", { status: 200, body: { value: [], nextLink: `${ELSEWHERE}/next` } }],
    [
      "a link to another cloud",
      { status: 200, body: { value: [], nextLink: "https://management.chinacloudapi.cn/next" } },
    ],
    ["a redirect elsewhere", { status: 307, headers: { location: `${ELSEWHERE}/x` }, body: "" }],
  ])("%s ends the list: nothing is sent there", async (_link, answer) => {
    const { httpClient, requests } = fakeHttp(() => answer);
    const reading = readAll(list(keepingCredential().credential, "public", httpClient));
    await expect(reading).rejects.toMatchObject({ code: "UPSTREAM_REFUSED" });
    expect(new Set(requests.map(hostOf))).toEqual(new Set(["management.azure.com"]));
  });
});

test("a customer's vault is refused before a token is asked for when its host is none of the cloud's", async () => {
  const { scopes, credential } = keepingCredential();
  const { httpClient, requests } = fakeHttp(() => ({ status: 200, body: {} }));
  const client = new SecretClient("https://my-vault.vault.azure.cn", credential, {
    ...clientOptions("public"),
    httpClient,
  });
  await expect(client.getSecret("x")).rejects.toMatchObject({ code: "UPSTREAM_REFUSED" });
  expect([scopes, requests]).toEqual([[], []]);
});

test("the app's own vault that points elsewhere is not followed", async () => {
  const own = "https://own-vault.vault.azure.net";
  const answer = { status: 307, headers: { location: "https://other-vault.vault.azure.net/secrets/x" }, body: "" };
  const { httpClient, requests } = fakeHttp(() => answer);
  const client = new SecretClient(own, keepingCredential().credential, { ...ownOptions(own), httpClient });
  await expect(client.getSecret("x")).rejects.toMatchObject({ code: "UPSTREAM_REFUSED" });
  expect(new Set(requests.map(hostOf))).toEqual(new Set(["own-vault.vault.azure.net"]));
});

describe("blobs", () => {
  test.each(["https://account1.blob.core.chinacloudapi.cn", ELSEWHERE, "http://account1.blob.core.windows.net"])(
    "%s is none of the public cloud's",
    (url) => {
      expect(() => blobOptions(url, "public")).toThrow(expect.objectContaining({ code: "UPSTREAM_REFUSED" }));
    },
  );

  test("a redirect is not followed", async () => {
    const url = "https://account1.blob.core.windows.net";
    expect(blobOptions(url, "public")).toBe(BLOB_OPTIONS);
    const { httpClient, requests } = fakeHttp(() => ({
      status: 307,
      headers: { location: `${ELSEWHERE}/x` },
      body: "",
    }));
    const client = new BlobServiceClient(url, keepingCredential().credential, {
      ...BLOB_OPTIONS,
      ...{ httpClient: httpClient as never },
    });
    await client.getUserDelegationKey(new Date(), new Date(Date.now() + 60_000)).catch(() => null);
    expect(new Set(requests.map(({ url: to }) => new URL(to).host))).toEqual(
      new Set(["account1.blob.core.windows.net"]),
    );
  });
});
