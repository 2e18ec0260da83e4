/** Kubeconfigs of clusters in the local ARM, with the official SDK and as bare answers: forms, names, rights, refusals. */
import { X509Certificate } from "node:crypto";
import { ContainerServiceClient } from "@azure/arm-containerservice";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { credentialOf, tokenOf } from "../support/application-tokens.ts";
import { jsonRequest } from "../support/json-request.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";

const ARM = "https://management.azure.com";
const VERSION = "2026-04-01";

let azure: LocalAzure;
beforeAll(async () => {
  azure = await startLocalAzure();
});
afterAll(() => azure?.stop());

const clientOf = (name: string, subscription: number) =>
  new ContainerServiceClient(credentialOf(azure, name), azure.seed.subscriptions[subscription]?.id ?? "")
    .managedClusters;
const demo = () => clientOf("zenml-connector", 0);
const research = () => clientOf("research-connector", 1);

type Listed = { kubeconfigs?: { name?: string; value?: Uint8Array }[] };
/** The one kubeconfig of an answer, parsed. */
function only(answer: Listed) {
  expect(answer.kubeconfigs).toHaveLength(1);
  const [{ name, value } = { name: "", value: new Uint8Array() }] = answer.kubeconfigs ?? [];
  const file = parse(Buffer.from(value ?? new Uint8Array()).toString());
  return { name, file, cluster: file.clusters[0].cluster, user: file.users[0] };
}
const pemIn = (text: string) => Buffer.from(text, "base64").toString();
const raw = async (application: string, id: string, action: string, query = "") =>
  jsonRequest(azure, "POST", `${ARM}${id}/${action}?api-version=${VERSION}${query}`, {
    token: await tokenOf(azure, application, `${ARM}/.default`),
  });
const idOf = (group: string, cluster: string, subscription = 1) =>
  `/subscriptions/${azure.seed.subscriptions[subscription]?.id}/resourceGroups/${group}/providers/Microsoft.ContainerService/managedClusters/${cluster}`;

describe("a cluster with Entra", () => {
  const NAME = "demo-zenml-terraform-cluster";
  const GROUP = "demo-zenml-demos";

  test("gives its user a sign-in by kubelogin and no credential", async () => {
    const { name, file, cluster, user } = only(await demo().listClusterUserCredentials(GROUP, NAME));
    expect(name).toBe("clusterUser");
    expect(file).toMatchObject({ kind: "Config", "current-context": NAME, contexts: [{ name: NAME }] });
    const { fqdn } = await demo().get(GROUP, NAME);
    expect(cluster).toEqual({
      server: `https://${fqdn}:443`,
      "certificate-authority-data": Buffer.from(azure.ca).toString("base64"),
    });
    expect(user.name).toBe(`clusterUser_${GROUP}_${NAME}`);
    expect(Object.keys(user.user)).toEqual(["exec"]);
    expect(user.user.exec).toMatchObject({ command: "kubelogin", provideClusterInfo: false });
    expect(user.user.exec.args).toContain(azure.seed.tenant.id);
    const { user: legacy } = only(await demo().listClusterUserCredentials(GROUP, NAME, { format: "azure" }));
    expect(Object.keys(legacy.user)).toEqual(["auth-provider"]);
  });

  test("gives its administrator a certificate, the same each time", async () => {
    const first = only(await demo().listClusterAdminCredentials(GROUP, NAME));
    expect(first.name).toBe("clusterAdmin");
    expect(first.user.name).toBe(`clusterAdmin_${GROUP}_${NAME}`);
    expect(first.user.user.token).toMatch(/^[0-9a-f]{32}$/);
    const certificate = new X509Certificate(pemIn(first.user.user["client-certificate-data"]));
    expect(certificate.toLegacyObject().subject).toMatchObject({ O: "system:masters", CN: "masterclient" });
    expect(pemIn(first.user.user["client-key-data"])).toMatch(/^-----BEGIN RSA PRIVATE KEY-----/);
    expect(only(await demo().listClusterAdminCredentials(GROUP, NAME))).toEqual(first);
  });

  test("refuses an unknown format", async () => {
    const answer = await raw("zenml-connector", idOf(GROUP, NAME, 0), "listClusterUserCredential", "&format=token");
    expect(answer).toMatchObject({ status: 400, json: { code: "BadRequest", details: null, subcode: "" } });
  });
});

test("a cluster without Entra gives its user the administrator's credential", async () => {
  const { name, user, cluster } = only(await research().listClusterUserCredentials("research-vision", "training"));
  expect(name).toBe("clusterUser");
  expect(user.name).toBe("clusterUser_research-vision_training");
  expect(Object.keys(user.user).toSorted()).toEqual(["client-certificate-data", "client-key-data", "token"]);
  const certificate = new X509Certificate(pemIn(user.user["client-certificate-data"]));
  expect(certificate.toLegacyObject().subject).toMatchObject({ O: "system:masters" });
  const other = only(await research().listClusterUserCredentials("research-speech", "training"));
  expect(other.cluster.server).not.toBe(cluster.server);
});

test("without local accounts there is no administrator's credential, whoever asks", async () => {
  const answer = await raw("research-connector", idOf("research-speech", "secure"), "listClusterAdminCredential");
  expect(answer).toMatchObject({ status: 400, json: { code: "BadRequest", details: null, subcode: "" } });
  await expect(research().listClusterAdminCredentials("research-speech", "secure")).rejects.toMatchObject({
    statusCode: 400,
    code: "BadRequest",
  });
});

test("each credential needs its own right", async () => {
  const asked = [
    ["stranger", idOf("demo-zenml-demos", "demo-zenml-terraform-cluster", 0), "listClusterUserCredential"],
    ["research-connector", idOf("research-speech", "training"), "listClusterAdminCredential"],
    ["research-connector", idOf("research-speech", "secure"), "listClusterUserCredential"],
  ] as const;
  for (const [application, id, action] of asked) {
    const answer = await raw(application, id, action);
    expect(answer).toMatchObject({ status: 403, json: { error: { code: "AuthorizationFailed" } } });
    expect(answer.body).toContain(`Microsoft.ContainerService/managedClusters/${action}/action`);
  }
});
