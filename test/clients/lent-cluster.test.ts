/** kubectl, old and new, with lent kubeconfigs: the namespace that was lent, and nothing once it is given back. */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { applicationOf, type ClientSystem, startClientSystem } from "./client-system.ts";
import { type ContainerTools, containerTools, KUBECTLS } from "./container-tools.ts";
import { callApi, curl, PLACE, textAt, tokenFor } from "./lending.ts";

const CONNECTOR = "clusters";
const CLUSTER = "demo-zenml-demos/demo-zenml-terraform-cluster";
/** API servers go by a token that they know for 10 seconds; the rest is for a busy machine. */
const MAX_TRIES = 60;
const TRY_EVERY_MS = 1_000;

let system: ClientSystem;
let tools: ContainerTools;
let token: string;

beforeAll(async () => {
  system = await startClientSystem();
  tools = containerTools(system);
  token = textAt(await tokenFor(system, "platform-automation"), "access_token");
  const { clientId, secret } = applicationOf(system.seed, "zenml-connector");
  const registered = await callApi(system, token, "connectors", {
    name: CONNECTOR,
    authMethod: "service-principal",
    configuration: { tenantId: system.seed.tenant.id, clientId },
    secrets: { clientSecret: secret },
    resourceTypes: ["kubernetes-cluster"],
  });
  expect(registered.status, registered.text).toBe(201);
  const { objectId } = applicationOf(system.seed, "platform-automation");
  const resourceId = `/subscriptions/${system.seed.subscriptions[0]?.id}/resourceGroups/demo-zenml-demos/providers/Microsoft.ContainerService/managedClusters/demo-zenml-terraform-cluster`;
  const grant = { connector: CONNECTOR, resourceId, ...PLACE };
  await put("memberships/cluster", { principals: [`app:${system.seed.tenant.id}/${objectId}`], ...PLACE });
  await put("grants/namespace", { ...grant, access: ["use"], scope: { namespace: "vision" } });
  await put("grants/exec", { ...grant, access: ["use"], forms: ["exec"] });
  await put("grants/token", { ...grant, access: ["use"], forms: ["entra-token"], maxTtlSeconds: 7_200 });
  await put("grants/admin", { ...grant, access: ["admin"], forms: ["admin"] });
});
afterAll(() => system?.stop());

async function put(path: string, body: object): Promise<void> {
  const headers = ["-H", `Authorization: Bearer ${token}`, "-H", "Content-Type: application/json"];
  const create = ["-X", "PUT", "-H", "If-None-Match: *", "-d", JSON.stringify(body)];
  const answer = await curl(system, `${system.apiUrl}/api/${path}`, [...headers, ...create]);
  expect(answer.status, answer.text).toBe(200);
}

const issuedSchema = z.object({
  leaseId: z.string(),
  expiresAt: z.string().nullable(),
  exposedUntil: z.string().nullable(),
  revocation: z.string(),
  credential: z.object({ kind: z.literal("kubeconfig"), kubeconfig: z.string(), context: z.string() }),
});
async function lend(wanted: object) {
  const body = { resourceType: "kubernetes-cluster", resourceId: CLUSTER, ...PLACE, ...wanted };
  const answer = await callApi(system, token, `connectors/${CONNECTOR}/credentials`, body);
  expect(answer.status, answer.text).toBe(201);
  return issuedSchema.parse(answer.json);
}
/** A home with these kubeconfigs, one file each. */
function homeWith(...configs: readonly string[]) {
  const home = tools.newHome();
  const files = configs.map((text, index) => {
    const file = join(home, `config-${index}`);
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  });
  return { home, env: { KUBECONFIG: files.join(":") } };
}
const revoke = async (leaseId: string) => {
  const end = ["-X", "DELETE", "-H", `Authorization: Bearer ${token}`];
  const answer = await curl(system, `${system.apiUrl}/api/leases/${leaseId}`, end);
  expect(answer.status, answer.text).toBe(200);
  return z.object({ done: z.array(z.string()), notDone: z.array(z.string()) }).parse(answer.json);
};

describe.each(KUBECTLS)("%s", (kubectl) => {
  test("lists the pods of the lent namespace, nothing of another, and nothing once it is given back", async () => {
    const { leaseId, credential, revocation } = await lend({ access: ["use"] });
    expect(revocation).toBe("immediate");
    const options = homeWith(credential.kubeconfig);
    const pods = await tools.run(kubectl, ["get", "pods", "-o", "name"], options);
    expect(pods).toMatchObject({ code: 0, stdout: expect.stringContaining("pod/") });
    for (const args of [
      ["get", "pods", "-n", "speech"],
      ["get", "secrets"],
      ["get", "nodes"],
    ]) {
      expect(await tools.run(kubectl, args, options)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining("Forbidden"),
      });
    }
    expect(await revoke(leaseId)).toMatchObject({ notDone: [] });
    let last = { code: 0, stderr: "" };
    for (let tries = 0; tries < MAX_TRIES && last.code === 0; tries++) {
      await wait(TRY_EVERY_MS);
      last = await tools.run(kubectl, ["get", "pods"], options);
    }
    expect(last).toMatchObject({ code: 1, stderr: expect.stringMatching(/logged in|Unauthorized/) });
  });

  test("merges what was lent without mixing it up", async () => {
    const lent = await Promise.all([
      lend({ access: ["use"] }),
      lend({ access: ["use"], form: "entra-token" }),
      lend({ access: ["admin"], form: "admin" }),
    ]);
    const options = homeWith(...lent.map(({ credential }) => credential.kubeconfig));
    const contexts = await tools.run(kubectl, ["config", "get-contexts", "-o", "name"], options);
    expect(contexts.stdout.trim().split("\n").sort()).toEqual(lent.map(({ credential }) => credential.context).sort());
    const [account, entra, admin] = lent.map(({ credential }) => credential.context);
    const secrets = (context: string | undefined, namespace: string) =>
      tools.run(kubectl, ["get", "secrets", "-n", namespace, "--context", context ?? ""], options);
    expect((await secrets(account, "vision")).code).toBe(1);
    expect((await secrets(entra, "speech")).code).toBe(0);
    expect((await secrets(admin, "kube-system")).code).toBe(0);
    expect((await revoke(lent[0]?.leaseId ?? "")).notDone).toEqual([]);
  });

  test("signs in by kubelogin with a kubeconfig that holds nothing", async () => {
    const { leaseId, credential, expiresAt } = await lend({
      access: ["use"],
      form: "exec",
      scope: { namespace: "vision" },
    });
    expect(expiresAt).toBeNull();
    const { home, env } = homeWith(credential.kubeconfig);
    // In the place of kubelogin, which asks Entra for a token of whoever is signed in.
    const server = "6dae42f8-4368-4678-94ff-3960e28e3630";
    const own = textAt(await tokenFor(system, "zenml-connector", `${server}/.default`), "access_token");
    const answer = {
      apiVersion: "client.authentication.k8s.io/v1beta1",
      kind: "ExecCredential",
      status: { token: own },
    };
    const bin = join(home, "bin");
    mkdirSync(bin);
    const program = join(bin, "kubelogin");
    writeFileSync(program, `#!/bin/sh\necho "$@" >&2\ncat <<'END'\n${JSON.stringify(answer)}\nEND\n`);
    chmodSync(program, 0o755);
    const options = { home, env: { ...env, PATH: `${bin}:${process.env.PATH ?? ""}` } };
    const pods = await tools.run(kubectl, ["get", "pods", "-o", "name"], options);
    expect(pods).toMatchObject({ code: 0, stdout: expect.stringContaining("pod/") });
    expect(pods.stderr).toContain(`--login azurecli --environment AzurePublicCloud --server-id ${server}`);
    expect((await revoke(leaseId)).notDone.join()).toContain("nothing");
  });
});
