/** First part of the demo: a connector is registered, a blob container is lent, and the loan is used and tried. */
import { TableClient } from "@azure/data-tables";
import { ClientSecretCredential } from "@azure/identity";
import { ContainerClient, RestError } from "@azure/storage-blob";
import { z } from "zod";
import type { LocalSystem } from "../../infra/local/system.ts";
import { type Answer, applicationOf, type Client, createClient, problemSchema, read } from "./latchkey-client.ts";
import { expectEqual, type Stage, Surprise } from "./stage.ts";

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
  credential: z.object({ containerUrl: z.string(), sasToken: z.string() }),
});
type Issued = z.output<typeof issuedSchema>;

/** @param system freshly started: the connector must not exist yet */
export async function lendBlob(stage: Stage, system: LocalSystem): Promise<void> {
  stage.chapter("An administrator registers how Latchkey signs in to Azure");
  const admin = await signIn(stage, system);
  await register(stage, system, admin);

  stage.chapter("A credential for one container, for ten minutes");
  const issued = await issue(stage, admin, ["read", "write", "list"]);
  await useIt(stage, issued);

  stage.chapter("What was not granted is refused");
  await tryBeyond(stage, issued);
  await askForTooMuch(stage, system, admin);

  stage.chapter("And an auditor sees who got what");
  await showAudit(stage, system, issued);
}

async function signIn(stage: Stage, system: LocalSystem): Promise<Client> {
  return stage.step("Sign in as platform-automation, an app with the role Latchkey.Admin", async (show) => {
    const app = applicationOf(system.seed, "platform-automation");
    const { token } = await new ClientSecretCredential(system.seed.tenant.id, app.clientId, app.secret).getToken(
      "api://latchkey/.default",
    );
    show.fact("token", `for api://latchkey, from ${system.seed.tenant.domain}`);
    return createClient(system.apiUrl, token);
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

async function issue(stage: Stage, admin: Client, access: readonly string[]): Promise<Issued> {
  return stage.step(`POST /api/connectors/${CONNECTOR}/credentials: ${access.join(", ")}`, async (show) => {
    const answer = await admin.call("POST", `connectors/${CONNECTOR}/credentials`, {
      resourceType: "blob-container",
      resourceId: CONTAINER,
      access,
      ttlSeconds: 600,
      reason: "demo run 42",
    });
    const issued = read(answer, 201, issuedSchema);
    show.fact("lease", issued.leaseId);
    show.fact("resource", issued.displayName);
    show.fact("access", issued.access.join(", "));
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
    show.fact("answer", await refusal(containerOf(issued).deleteBlob(BLOB)));
  });
  await stage.step("Reading another container of the same account with it", async (show) => {
    const other = { ...issued.credential, containerUrl: issued.credential.containerUrl.replace(/[^/]+$/, "datasets") };
    const listing = containerOf({ ...issued, credential: other })
      .listBlobsFlat()
      .next();
    show.fact("answer", await refusal(listing));
  });
}

async function askForTooMuch(stage: Stage, system: LocalSystem, admin: Client): Promise<void> {
  const path = `connectors/${CONNECTOR}/credentials`;
  const request = { resourceType: "blob-container", resourceId: CONTAINER, access: ["read"] };
  const { id } = system.seed.subscriptions[0] ?? { id: "" };
  const payroll = `/subscriptions/${id}/resourceGroups/other-team/providers/Microsoft.Storage/storageAccounts/otherteamdata/blobServices/default/containers/payroll`;
  const attempts: [string, string, Promise<Answer>][] = [
    ["a lifetime of a week", "INVALID_REQUEST", admin.call("POST", path, { ...request, ttlSeconds: 604_800 })],
    [
      "a container that is not there",
      "RESOURCE_NOT_FOUND",
      admin.call("POST", path, { ...request, resourceId: "nothing-here" }),
    ],
    ["a container outside the connector", "DENIED", admin.call("POST", path, { ...request, resourceId: payroll })],
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
}

async function showAudit(stage: Stage, system: LocalSystem, issued: Issued): Promise<void> {
  await stage.step("Read the audit table", async (show) => {
    const app = applicationOf(system.seed, "latchkey-service");
    const credential = new ClientSecretCredential(system.seed.tenant.id, app.clientId, app.secret);
    const table = new TableClient("https://latchkeystate.table.core.windows.net", "Audit", credential);
    const rows: string[][] = [];
    let recorded = false;
    for await (const row of table.listEntities<Record<string, unknown>>()) {
      recorded ||= row.leaseId === issued.leaseId;
      const resource = String(row.resourceId).split("/").at(-1) ?? "";
      rows.push([row.at, row.event, resource, row.rule, row.hash].map((cell) => clip(String(cell))));
    }
    expectEqual("the lease is in the audit trail", recorded, true);
    show.table(["AT", "EVENT", "RESOURCE", "RULE", "HASH"], rows);
  });
}

function containerOf({ credential }: Issued): ContainerClient {
  return new ContainerClient(`${credential.containerUrl}?${credential.sasToken}`);
}

/** @throws Surprise when the attempt is not refused with 403 */
async function refusal(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
  } catch (error) {
    if (error instanceof RestError && error.statusCode === 403) return `403 ${error.code ?? ""}`;
    throw error;
  }
  throw new Surprise("this should have been refused");
}

/** What a SAS allows, without its signature: a screen is no place for that. */
function outlineOf(sas: string): string {
  const fields = new URLSearchParams(sas);
  return ["sr", "sp", "spr", "se"].map((name) => `${name}=${fields.get(name)}`).join(" ");
}

function clip(text: string): string {
  return text.length <= 28 ? text : `${text.slice(0, 27)}…`;
}
