/** First part of the demo: a connector is registered, a blob container is lent, and the loan is used and tried. */
import { ContainerClient } from "@azure/storage-blob";
import { z } from "zod";
import type { LocalSystem } from "../../infra/local/system.ts";
import { allowContainers } from "./allow-containers.ts";
import { allowCiJob, lendToCiJob } from "./ci-job.ts";
import {
  type Answer,
  applicationOf,
  type Client,
  createClient,
  passwordToken,
  problemSchema,
  read,
} from "./latchkey-client.ts";
import { allowSecret } from "./lend-secret.ts";
import { refusalOf } from "./refusal.ts";
import { expectEqual, type Show, type Stage } from "./stage.ts";

const CONNECTOR = "azure-service-principal";
const CONTAINER = "az://demo-zenmlartifactstore";
const BLOB = "runs/42/metrics.json";
const CONTENT = '{"accuracy":0.97}';

const connectorSchema = z.object({
  id: z.string(),
  state: z.string(),
  secrets: z.object({ clientSecret: z.string() }),
  verification: z.object({
    resourceTypes: z.array(z.object({ resourceType: z.string(), resources: z.array(z.string()) })),
  }),
});
const issuedSchema = z.object({
  leaseId: z.string(),
  resourceId: z.string(),
  displayName: z.string(),
  access: z.array(z.string()),
  expiresAt: z.string(),
  revocation: z.string(),
  rule: z.string(),
  credential: z.object({ containerUrl: z.string(), sasToken: z.string() }),
});
type Issued = z.output<typeof issuedSchema>;
const planSchema = z.object({
  allowed: z.boolean(),
  checks: z.array(z.object({ id: z.string(), ok: z.boolean(), detail: z.string() })),
});
const endedSchema = z.object({ state: z.string(), done: z.array(z.string()), notDone: z.array(z.string()) });
const auditSchema = z.object({
  items: z.array(
    z.object({
      at: z.string(),
      event: z.string(),
      principalId: z.string(),
      rule: z.string(),
      hash: z.string(),
      leaseId: z.string().nullable(),
    }),
  ),
});

/** @param system freshly started: the connector must not exist yet */
export async function lendBlob(stage: Stage, system: LocalSystem): Promise<void> {
  stage.chapter("A platform engineer registers how Latchkey signs in to Azure, and says who reaches what");
  const admin = await stage.step("Sign in as admin@zenmldemo, who has the role Latchkey.Admin", (show) =>
    signIn(system, "admin@zenmldemo.onmicrosoft.com", show),
  );
  await register(stage, system, admin);
  await setPolicy(stage, system, admin);
  await allowCiJob(stage, system, admin, CONNECTOR);
  await allowSecret(stage, system, admin);
  await allowContainers(stage, system, admin);

  stage.chapter("A data scientist borrows the container for ten minutes");
  const scientist = await stage.step("Sign in as scientist@zenmldemo, a member of data-scientists", (show) =>
    signIn(system, "scientist@zenmldemo.onmicrosoft.com", show),
  );
  const issued = await issue(stage, scientist, ["read", "write", "list"]);
  await useIt(stage, issued);

  stage.chapter("What was not granted is refused, with the reason");
  await tryBeyond(stage, issued);
  await askForTooMuch(stage, system, scientist);

  await lendToCiJob(stage, system, CONNECTOR);

  stage.chapter("The lease is renewed and ended, and an auditor sees all of it");
  await renewAndEnd(stage, scientist, issued);
  await showAudit(stage, system, issued);
}

async function signIn(system: LocalSystem, user: string, show: Show): Promise<Client> {
  const token = await passwordToken(system.seed, user);
  show.fact("token", `for api://latchkey, from ${system.seed.tenant.domain}`);
  return createClient(system.apiUrl, token);
}

async function setPolicy(stage: Stage, system: LocalSystem, admin: Client): Promise<void> {
  await stage.step("PUT /api/memberships and /api/grants: data-scientists reach the container", async (show) => {
    const group = system.seed.groups.find(({ name }) => name === "data-scientists");
    const { id: subscription } = system.seed.subscriptions[0] ?? { id: "" };
    const place = { project: "vision", domain: "production" };
    const membership = { principals: [`group:${group?.id}`], ...place };
    const grant = {
      connector: CONNECTOR,
      resourceId: `/subscriptions/${subscription}/resourceGroups/demo-zenml-demos/providers/Microsoft.Storage/storageAccounts/demozenmlartifacts/blobServices/default/containers/demo-zenmlartifactstore`,
      access: ["read", "write", "list"],
      ...place,
      maxTtlSeconds: 3600,
    };
    expectEqual("status", (await admin.create("memberships/vision-scientists", membership)).status, 200);
    expectEqual("status", (await admin.create("grants/vision-artifacts", grant)).status, 200);
    show.table(
      ["RECORD", "WHO OR WHAT", "WHERE", "MAY"],
      [
        ["membership vision-scientists", "group data-scientists", "vision / production", "execute"],
        ["grant vision-artifacts", CONTAINER, "vision / production", `${grant.access.join(", ")}, an hour at most`],
      ],
    );
  });
}

async function register(stage: Stage, system: LocalSystem, admin: Client): Promise<void> {
  const { clientId, secret } = applicationOf(system.seed, "zenml-connector");
  const configuration = { tenantId: system.seed.tenant.id, clientId };
  await stage.step(`POST /api/connectors: register ${CONNECTOR}`, async (show) => {
    const answer = await admin.call("POST", "connectors", {
      name: CONNECTOR,
      authMethod: "service-principal",
      configuration: { ...configuration, storageAccount: "demozenmlartifacts" },
      secrets: { clientSecret: secret },
      resourceTypes: ["blob-container"],
    });
    const connector = read(answer, 201, connectorSchema);
    expectEqual("state", connector.state, "healthy");
    show.table(
      ["RESOURCE TYPE", "RESOURCE NAMES"],
      connector.verification.resourceTypes.map((type) => [type.resourceType, type.resources.join("\n")]),
    );
  });
  await stage.step(`GET /api/connectors/${CONNECTOR}: the secret stays in the key vault`, async (show) => {
    const connector = read(await admin.call("GET", `connectors/${CONNECTOR}`), 200, connectorSchema);
    expectEqual("clientSecret", connector.secrets.clientSecret, "[HIDDEN]");
    show.fact("id", connector.id);
    show.fact("clientSecret", connector.secrets.clientSecret);
  });
}

async function issue(stage: Stage, scientist: Client, access: readonly string[]): Promise<Issued> {
  return stage.step(`POST /api/connectors/${CONNECTOR}/credentials: ${access.join(", ")}`, async (show) => {
    const answer = await scientist.call("POST", `connectors/${CONNECTOR}/credentials`, {
      resourceType: "blob-container",
      resourceId: CONTAINER,
      access,
      ttlSeconds: 600,
      project: "vision",
      domain: "production",
      reason: "demo run 42",
    });
    const issued = read(answer, 201, issuedSchema);
    show.fact("lease", issued.leaseId);
    show.fact("resource", issued.displayName);
    show.fact("access", `${issued.access.join(", ")}, by ${issued.rule}`);
    show.fact("expires", `${issued.expiresAt} (${issued.revocation})`);
    show.fact("url", issued.credential.containerUrl);
    show.fact("sas", outlineOf(issued.credential.sasToken));
    return issued;
  });
}

async function useIt(stage: Stage, issued: Issued): Promise<void> {
  const container = containerOf(issued);
  await stage.step(`Write ${BLOB} with it, straight to Azure Storage`, async (show) => {
    const { etag } = await container.getBlockBlobClient(BLOB).upload(CONTENT, CONTENT.length);
    show.fact("etag", etag ?? "");
  });
  await stage.step("List the container and read the blob back", async (show) => {
    const names: string[] = [];
    for await (const { name } of container.listBlobsFlat()) names.push(name);
    expectEqual("names in the container", names, [BLOB]);
    const content = (await container.getBlobClient(BLOB).downloadToBuffer()).toString("utf8");
    expectEqual("content of the blob", content, CONTENT);
    show.fact("content", content);
  });
}

async function tryBeyond(stage: Stage, issued: Issued): Promise<void> {
  await stage.step("Deleting with it", async (show) => {
    show.fact("answer", await refusalOf(containerOf(issued).deleteBlob(BLOB)));
  });
  await stage.step("Reading another container of the same account with it", async (show) => {
    const other = { ...issued.credential, containerUrl: issued.credential.containerUrl.replace(/[^/]+$/, "datasets") };
    const listing = containerOf({ ...issued, credential: other })
      .listBlobsFlat()
      .next();
    show.fact("answer", await refusalOf(listing));
  });
}

async function askForTooMuch(stage: Stage, system: LocalSystem, scientist: Client): Promise<void> {
  const path = `connectors/${CONNECTOR}/credentials`;
  const request = { resourceType: "blob-container", resourceId: CONTAINER, access: ["read"] };
  const ask = (change: object) => scientist.call("POST", path, { ...request, ...change });
  const attempts: [string, string, Promise<Answer>][] = [
    ["the right to delete", "SCOPE_TOO_WIDE", ask({ access: ["read", "delete"] })],
    ["two hours", "SCOPE_TOO_WIDE", ask({ ttlSeconds: 7200 })],
    ["a week", "INVALID_REQUEST", ask({ ttlSeconds: 604_800 })],
    ["another container", "DENIED", ask({ resourceId: "az://datasets" })],
    ["another project's work", "DENIED", ask({ project: "speech" })],
    ["anything without a token", "TOKEN_MISSING", createClient(system.apiUrl, null).call("POST", path, request)],
  ];
  await stage.step("Asking for too much", async (show) => {
    const rows: string[][] = [];
    for (const [what, code, attempt] of attempts) {
      const answer = await attempt;
      const problem = problemSchema.parse(answer.body);
      expectEqual(what, problem.code, code);
      rows.push([what, String(answer.status), problem.code]);
    }
    show.table(["ASKED FOR", "STATUS", "CODE"], rows);
  });
  await stage.step("POST /api/access/explain: why not delete?", async (show) => {
    const answer = await scientist.call("POST", "access/explain", {
      ...request,
      connector: CONNECTOR,
      access: ["delete"],
    });
    const plan = read(answer, 200, planSchema);
    expectEqual("allowed", plan.allowed, false);
    show.table(
      ["CHECK", "", "DETAIL"],
      plan.checks.map(({ id, ok, detail }) => [id, ok ? "yes" : "NO", detail.split("/").at(-1) ?? ""]),
    );
  });
}

async function renewAndEnd(stage: Stage, scientist: Client, issued: Issued): Promise<void> {
  await stage.step("POST /api/leases/{id}/renew: same lease, new secret", async (show) => {
    const renewed = read(
      await scientist.call("POST", `leases/${issued.leaseId}/renew`, { ttlSeconds: 600 }),
      200,
      issuedSchema,
    );
    expectEqual("lease", renewed.leaseId, issued.leaseId);
    show.fact("expires", renewed.expiresAt);
  });
  await stage.step("DELETE /api/leases/{id}: what can be done, and what cannot", async (show) => {
    const ended = read(await scientist.call("DELETE", `leases/${issued.leaseId}`), 200, endedSchema);
    expectEqual("state", ended.state, "revoked");
    show.fact("done", ended.done.join("; "));
    show.fact("not done", ended.notDone.join("; "));
  });
}

async function showAudit(stage: Stage, system: LocalSystem, issued: Issued): Promise<void> {
  await stage.step("GET /api/audit, as auditor@zenmldemo", async (show) => {
    const auditor = createClient(system.apiUrl, await passwordToken(system.seed, "auditor@zenmldemo.onmicrosoft.com"));
    const { items } = read(await auditor.call("GET", "audit"), 200, auditSchema);
    expectEqual(
      "the lease is in the trail",
      items.some(({ leaseId }) => leaseId === issued.leaseId),
      true,
    );
    const rows = items.map(({ at, event, principalId, rule, hash }) => [at, event, principalId, rule, hash].map(clip));
    show.table(["AT", "EVENT", "WHO", "RULE", "HASH"], rows);
  });
}

function containerOf({ credential }: Issued): ContainerClient {
  return new ContainerClient(`${credential.containerUrl}?${credential.sasToken}`);
}

/** What a SAS allows, without its signature: a screen is no place for that. */
function outlineOf(sas: string): string {
  const fields = new URLSearchParams(sas);
  return ["sr", "sp", "spr", "se"].map((name) => `${name}=${fields.get(name)}`).join(" ");
}

function clip(text: string): string {
  return text.length <= 28 ? text : `${text.slice(0, 27)}…`;
}
