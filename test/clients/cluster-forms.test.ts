/** kubectl in two versions with the wide forms of kubeconfigs, each only with its grant, and with clusters that Entra does not guard. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { type ClientSystem, startClientSystem } from "./client-system.ts";
import { armId, CLUSTER, type Lender, openContainerLending } from "./container-lending.ts";
import { KUBECTLS } from "./container-tools.ts";
import { type ClusterClients, clusterClients, type Kubectl } from "./kubectl.ts";
import { curl, textAt, tokenFor } from "./lending.ts";

/** The application that stands for every AKS cluster, and the client that people sign in to them with. Source: kubelogin. */
const AKS_SERVER_APP = "6dae42f8-4368-4678-94ff-3960e28e3630";
const AKS_CLIENT_APP = "80faf920-1908-4b52-b5ef-a8e7bedfc67a";
const PODS = "/api/v1/namespaces/vision/pods";
const USE = { access: ["use"] };

let system: ClientSystem;
let clients: ClusterClients;
let lender: Lender;
let research: Lender;

beforeAll(async () => {
  system = await startClientSystem();
  clients = clusterClients(system);
  const type = "ContainerService/managedClusters";
  const resourceId = armId(system, type, ["demo-zenml-demos", "demo-zenml-terraform-cluster"]);
  const trainingId = armId(system, type, ["research-vision", "training"], "ZenML Research");
  const resourceType = "kubernetes-cluster";
  lender = await openContainerLending(system, {
    connector: "wide",
    application: "zenml-connector",
    resourceType,
    grants: {
      namespace: { resourceId, ...USE, scope: { namespace: "vision" } },
      exec: { resourceId, ...USE, forms: ["exec"], scope: { namespace: "vision" } },
      entra: { resourceId, ...USE, forms: ["entra-token"], maxTtlSeconds: 10_800 },
      admin: { resourceId, access: ["admin"], forms: ["admin"] },
    },
  });
  research = await openContainerLending(system, {
    connector: "research",
    application: "research-connector",
    resourceType,
    grants: { training: { resourceId: trainingId, ...USE, scope: { namespace: "vision" } } },
  });
});
afterAll(() => system?.stop());

test.each(KUBECTLS)("%s lists pods of kube-system with the administrator's certificate", async (version) => {
  const lent = await clients.lend(lender, { form: "admin", access: ["admin"] });
  expect(lent.answer.json).toMatchObject({ warnings: [expect.any(String)], expiresAt: null, exposedUntil: null });
  const kubectl = (...args: readonly string[]) => clients.kubectl(version, lent.file, args);
  const pods = await kubectl("get", "pods", "--namespace", "kube-system");
  expect(pods).toMatchObject({ code: 0 });
  expect(pods.statusesAt("/api/v1/namespaces/kube-system/pods")).toEqual([200]);
  expect(await kubectl("get", "secrets", "--namespace", "speech", "--output", "name")).toMatchObject({
    code: 0,
    stdout: "secret/speech-api\n",
  });
});

test.each(KUBECTLS)("%s makes and deletes a job with the administrator's certificate", async (version) => {
  const lent = await clients.lend(lender, { form: "admin", access: ["admin"] });
  const kubectl = (...args: readonly string[]) =>
    clients.kubectl(version, lent.file, [...args, "--namespace", "vision"]);
  const name = `job-${version.replace(".", "-")}`;
  expect(await kubectl("create", "job", name, "--image", "demo/train")).toMatchObject({ code: 0 });
  expect(await kubectl("get", "job", name, "--output", "jsonpath={..image}")).toMatchObject({ stdout: "demo/train" });
  expect(await kubectl("delete", "job", name, "--wait=false")).toMatchObject({ code: 0 });
});

test.each(KUBECTLS)("%s lists pods of every namespace with a token of Entra, as the connector may", async (version) => {
  const lent = await clients.lend(lender, { ...USE, form: "entra-token" });
  expect(lent.answer.json).toMatchObject({ warnings: expect.arrayContaining([expect.any(String)]) });
  const [{ user }] = parse(lent.text).users;
  expect(Object.keys(user)).toEqual(["token"]);
  expect(claimsOf(user.token)).toMatchObject({ aud: AKS_SERVER_APP });
  const kubectl = (...args: readonly string[]) => clients.kubectl(version, lent.file, args);
  for (const namespace of ["vision", "speech"]) {
    expect(await kubectl("get", "pods", "--namespace", namespace)).toMatchObject({ code: 0 });
  }
  // Its Azure role gives no rights over roles.
  const refused = await kubectl("get", "roles", "--namespace", "vision");
  expect(refused.code).toBe(1);
  expect(refused.statusesAt("/apis/rbac.authorization.k8s.io/v1/namespaces/vision/roles")).toEqual([403]);
});

test.each(KUBECTLS)("%s keeps all forms for one cluster apart when they stand side by side", async (version) => {
  const lent = [
    await clients.lend(lender, USE),
    await clients.lend(lender, { ...USE, form: "entra-token" }),
    await clients.lend(lender, { form: "admin", access: ["admin"] }),
  ];
  const config = lent.map(({ file }) => file).join(":");
  const kubectl = (...args: readonly string[]) => clients.kubectl(version, config, args);
  const listed = await kubectl("config", "get-contexts", "--output", "name");
  expect(listed.stdout.trim().split("\n").toSorted()).toEqual(lent.map(({ context }) => context).toSorted());
  const statuses: (readonly number[])[] = [];
  for (const { context } of lent) {
    const secrets = await kubectl("get", "secrets", "--namespace", "speech", "--context", context);
    statuses.push(secrets.statusesAt("/api/v1/namespaces/speech/secrets"));
  }
  expect(statuses).toEqual([[403], [200], [200]]);
});

describe("a kubeconfig to sign in by exec", () => {
  /** Runs kubectl where `kubelogin` is a program that hands out this token and keeps what it was asked. */
  async function withKubelogin(version: Kubectl, file: string, token: string) {
    const folder = join(system.home, "kubelogin");
    mkdirSync(folder, { recursive: true });
    const [argsFile, answerFile] = [join(folder, "args"), join(folder, "answer")];
    const apiVersion = "client.authentication.k8s.io/v1beta1";
    writeFileSync(answerFile, JSON.stringify({ apiVersion, kind: "ExecCredential", status: { token } }));
    const script = `#!/bin/sh\nprintf '%s\\n' "$@" >'${argsFile}'\ncat '${answerFile}'\n`;
    writeFileSync(join(folder, "kubelogin"), script, { mode: 0o755 });
    const env = { PATH: `${folder}:${process.env.PATH}` };
    const ran = await clients.kubectl(version, file, ["get", "pods"], env);
    return { ran, args: readFileSync(argsFile, "utf8").trim().split("\n") };
  }

  test.each(KUBECTLS)("%s asks kubelogin for a token of whoever runs it, with his own rights", async (version) => {
    const lent = await clients.lend(lender, { ...USE, form: "exec", scope: { namespace: "vision" } });
    expect(lent.answer.json).toMatchObject({ warnings: [expect.any(String)], expiresAt: null });
    // Nothing in it is secret.
    expect(Object.keys(parse(lent.text).users[0].user)).toEqual(["exec"]);
    const scope = `${AKS_SERVER_APP}/.default`;
    const own = textAt(await tokenFor(system, "zenml-connector", scope), "access_token");
    const allowed = await withKubelogin(version, lent.file, own);
    expect(allowed.ran).toMatchObject({ code: 0, stdout: expect.stringContaining("vision-serve-0") });
    expect(allowed.args).toEqual([
      ...["get-token", "--login", "azurecli", "--environment", "AzurePublicCloud"],
      ...["--server-id", AKS_SERVER_APP, "--tenant-id", system.seed.tenant.id],
    ]);
    // The scientist has no role there: the kubeconfig gives none.
    const refused = await withKubelogin(version, lent.file, await scientistToken(scope));
    expect(refused.ran.code).toBe(1);
    expect(refused.ran.statusesAt(PODS)).toEqual([403]);
    expect(await lender.end(lent.answer)).toMatchObject({ json: { notDone: [expect.any(String)] } });
    const nobody = await withKubelogin(version, lent.file, "not-a-token");
    expect(nobody.ran.code).toBe(1);
    expect(nobody.ran.statusesAt("/api")).toEqual([401]);
  });

  test.each(KUBECTLS)("%s says what is missing where there is no kubelogin", async (version) => {
    const lent = await clients.lend(lender, { ...USE, form: "exec", scope: { namespace: "vision" } });
    const ran = await clients.kubectl(version, lent.file, ["get", "pods"], { PATH: "/nowhere" });
    expect(ran).toMatchObject({ code: 1, stderr: expect.stringContaining("az aks install-cli") });
    expect(ran.statusesAt("/")).toEqual([]);
  });
});

describe("a cluster that Entra does not guard, where the connector's own sign-in is the administrator's", () => {
  test.each(KUBECTLS)("%s gets a token for one namespace, and no certificate", async (version) => {
    const wanted = { resourceId: "research-vision/training", ...USE, scope: { namespace: "vision" }, ttlSeconds: 900 };
    const lent = await clients.lend(research, wanted);
    const [{ user }] = parse(lent.text).users;
    expect(Object.keys(user)).toEqual(["token"]);
    expect(claimsOf(user.token)).toMatchObject({ sub: "system:serviceaccount:vision:latchkey" });
    const kubectl = (...args: readonly string[]) => clients.kubectl(version, lent.file, args);
    const pods = await kubectl("get", "pods");
    expect(pods).toMatchObject({ code: 0, stdout: expect.stringContaining("vision-train-4hm8z") });
    for (const path of ["vision/secrets", "speech/secrets", "speech/pods"]) {
      const [namespace = "", kind = ""] = path.split("/");
      const refused = await kubectl("get", kind, "--namespace", namespace);
      expect(refused.code, path).toBe(1);
      expect(refused.statusesAt(`/api/v1/namespaces/${path}`), path).toEqual([403]);
    }
  });

  test("its token is no other cluster's", async () => {
    const wanted = { resourceId: "research-vision/training", ...USE, scope: { namespace: "vision" }, ttlSeconds: 900 };
    const here = parse((await clients.lend(research, wanted)).text);
    const there = parse((await clients.lend(lender, { ...USE, form: "exec", scope: { namespace: "vision" } })).text);
    const file = clients.write(
      JSON.stringify({ ...here, clusters: [{ ...there.clusters[0], name: here.clusters[0].name }] }),
    );
    const refused = await clients.kubectl("kubectl-1.35", file, ["get", "pods"]);
    expect(refused.code).toBe(1);
    expect(refused.statusesAt("/api")).toEqual([401]);
  });
});

test("no wide form is lent without its grant, by any of the names", async () => {
  const refused = { status: 403, json: { code: "SCOPE_TOO_WIDE" } };
  const training = { resourceId: "research-vision/training" };
  expect(await research.ask({ ...training, form: "admin", access: ["admin"] })).toMatchObject(refused);
  expect(await research.ask({ ...training, ...USE, form: "entra-token" })).toMatchObject(refused);
  // Rights and forms that do not belong together.
  const invalid = { status: 400, json: { code: "INVALID_REQUEST", problems: [{ path: "/access" }] } };
  expect(await lender.ask({ resourceId: CLUSTER, form: "admin", ...USE })).toMatchObject(invalid);
  expect(await lender.ask({ resourceId: CLUSTER, form: "entra-token", access: ["admin"] })).toMatchObject(invalid);
});

/** A token of a person's own, as kubelogin gets it. */
async function scientistToken(scope: string): Promise<string> {
  const user = system.seed.users.find(({ name }) => name.startsWith("scientist@"));
  const fields = { grant_type: "password", client_id: AKS_CLIENT_APP, scope };
  const person = { username: user?.name ?? "", password: user?.password ?? "" };
  const form = Object.entries({ ...fields, ...person }).flatMap((pair) => ["--data-urlencode", pair.join("=")]);
  const url = `https://login.microsoftonline.com/${system.seed.tenant.id}/oauth2/v2.0/token`;
  return textAt(await curl(system, url, form), "access_token");
}

function claimsOf(token: string): unknown {
  return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
}
