/** Revoking user delegation keys through ARM, with the official SDK: rights, the answer, and what dies with it. */
import { StorageManagementClient } from "@azure/arm-storage";
import { BlobServiceClient, ContainerSASPermissions, generateBlobSASQueryParameters } from "@azure/storage-blob";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createDelegationKeys } from "../../shared/azure/blob-sas.ts";
import { createRevokeDelegationKeys } from "../../shared/azure/delegation-keys.ts";
import { createConnectorIdentities } from "../../shared/azure/identity.ts";
import { credentialOf } from "../support/application-tokens.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { signInOf } from "../support/product-parts.ts";
import { rawRequest } from "../support/raw-request.ts";

const URL_OF = (account: string) => `https://${account}.blob.core.windows.net`;
const GROUP = "demo-zenml-demos";

let azure: LocalAzure;
beforeAll(async () => {
  azure = await startLocalAzure();
});
afterAll(() => azure.stop());

/** A SAS under a new key of the connector's own identity, with a life of its own so that it is no earlier key. */
async function newSas(account: string, minutes: number) {
  const expiresOn = new Date(Date.now() + minutes * 60_000);
  const client = new BlobServiceClient(URL_OF(account), credentialOf(azure, "zenml-connector"));
  const key = await client.getUserDelegationKey(new Date(Date.now() - 60_000), expiresOn);
  const permissions = ContainerSASPermissions.parse("l");
  return generateBlobSASQueryParameters({ containerName: "datasets", permissions, expiresOn }, key, account).toString();
}
const list = (account: string, sas: string) =>
  rawRequest(azure, {
    method: "GET",
    url: `${URL_OF(account)}/datasets?restype=container&comp=list&${sas}`,
    headers: {},
  });
const arm = (name: string) =>
  new StorageManagementClient(credentialOf(azure, name), azure.seed.subscriptions[0]?.id ?? "").storageAccounts;

test("every key of before dies, a later one works, and the client forgets what it had", async () => {
  const account = "demozenmlartifacts";
  const before = await newSas(account, 30);
  expect((await list(account, before)).status).toBe(200);
  const identities = createConnectorIdentities();
  const keys = createDelegationKeys({ identities, now: () => new Date() });
  const signIn = signInOf(azure, "zenml-connector");
  const kept = keys.get(signIn, account, URL_OF(account));
  expect(keys.get(signIn, account, URL_OF(account))).toBe(kept);
  await kept;

  const opened = {
    connector: { id: "id", name: "azure", expiresAt: null },
    resourceId: "unused",
    displayName: account,
    account: { subscriptionId: azure.seed.subscriptions[0]?.id ?? "", resourceGroup: GROUP, account },
    signIn,
  };
  await createRevokeDelegationKeys({ identities, keys })(opened);

  const refused = await list(account, before);
  expect([refused.status, refused.headers["x-ms-error-code"]]).toEqual([403, "AuthenticationFailed"]);
  expect((await list(account, await newSas(account, 31))).status).toBe(200);
  expect(keys.get(signIn, account, URL_OF(account))).not.toBe(kept);
});

test("answers 200 without a body, and counts as a write", async () => {
  let status = 0;
  let headers: Record<string, string> = {};
  await arm("platform-automation").revokeUserDelegationKeys(GROUP, "demozenmlarchive", {
    onResponse: (response) => {
      status = response.status;
      headers = response.headers.toJSON();
      expect(response.bodyAsText ?? "").toBe("");
    },
  });
  expect(status).toBe(200);
  expect(headers).toMatchObject({
    "x-ms-ratelimit-remaining-subscription-writes": "199",
    "x-ms-ratelimit-remaining-subscription-global-writes": "2999",
  });
  expect(headers).not.toHaveProperty("x-ms-ratelimit-remaining-subscription-reads");
});

test.each([
  ["another account than its own", "zenml-connector", "demozenmlarchive", 403, "AuthorizationFailed"],
  ["no right at all", "stranger", "demozenmlartifacts", 403, "AuthorizationFailed"],
  ["an account that is not there", "platform-automation", "nosuchaccount", 404, "ResourceNotFound"],
])("%s is refused", async (_what, who, account, statusCode, code) => {
  await expect(arm(who).revokeUserDelegationKeys(GROUP, account)).rejects.toMatchObject({ statusCode, code });
});
