/** A part of the demo: a job of GitHub Actions gets what its grant says, with no secret stored anywhere. Called by lend-blob.ts. */
import { ClientSecretCredential } from "@azure/identity";
import { ContainerClient } from "@azure/storage-blob";
import { z } from "zod";
import { type Job, tokenRequestUrl } from "../../infra/local/azure/github/jobs.ts";
import type { Seed } from "../../infra/local/seed.ts";
import type { LocalSystem } from "../../infra/local/system.ts";
import { applicationOf, type Client, createClient, problemSchema, read } from "./latchkey-client.ts";
import { refusalOf } from "./refusal.ts";
import { expectEqual, type Stage, Surprise } from "./stage.ts";

const CONTAINER_URL = "https://demozenmlartifacts.blob.core.windows.net/datasets";
const BLOB = "train.csv";
const CONTENT = "label,value\ncat,1\n";

const issuedSchema = z.object({
  rule: z.string(),
  expiresAt: z.string(),
  credential: z.object({ containerUrl: z.string(), sasToken: z.string() }),
});
const tokenSchema = z.object({ value: z.string() });

/** Done before the first credential is asked for: a process goes by policy for some seconds. @param admin may set it */
export async function allowCiJob(stage: Stage, system: LocalSystem, admin: Client, connector: string): Promise<void> {
  const job = jobNamed(system.seed, "train");
  const resourceId = datasetsId(system.seed);
  await stage.step("The same for CI: the GitHub repository of this number reads the datasets", async (show) => {
    const place = { project: "vision", domain: "ci" };
    const membership = { principals: [`github:${job.repositoryId}`], ...place };
    const grant = { connector, resourceId, access: ["read", "list"], ...place, maxTtlSeconds: 900 };
    expectEqual("status", (await admin.create("memberships/vision-ci", membership)).status, 200);
    expectEqual("status", (await admin.create("grants/vision-datasets", grant)).status, 200);
    await putDataset(system.seed);
    show.fact("membership", `vision-ci: github:${job.repositoryId} in vision / ci`);
    show.fact("grant", "vision-datasets: read, list");
  });
}

/** @param connector reaches the container `datasets` of demozenmlartifacts */
export async function lendToCiJob(stage: Stage, system: LocalSystem, connector: string): Promise<void> {
  stage.chapter("A CI job gets what its grant says");
  const job = jobNamed(system.seed, "train");
  const resourceId = datasetsId(system.seed);
  const request = { resourceType: "blob-container", resourceId, access: ["read", "list"], ttlSeconds: 900 };
  const ask = async (asking: Job) =>
    createClient(system.apiUrl, await tokenOf(asking)).call("POST", `connectors/${connector}/credentials`, request);
  const container = await stage.step(`A job of ${job.repository} asks with its own token from GitHub`, async (show) => {
    const { rule, expiresAt, credential } = read(await ask(job), 201, issuedSchema);
    show.fact("who", `github:${job.repositoryId}`);
    show.fact("rule", rule);
    show.fact("expires", expiresAt);
    return new ContainerClient(`${credential.containerUrl}?${credential.sasToken}`);
  });
  await stage.step(`It reads ${BLOB}, and cannot write`, async (show) => {
    const content = (await container.getBlobClient(BLOB).downloadToBuffer()).toString("utf8");
    expectEqual("content of the blob", content, CONTENT);
    show.fact("content", JSON.stringify(content));
    show.fact("write", await refusalOf(container.getBlockBlobClient(BLOB).upload("", 0)));
  });
  await stage.step("Somebody else's repository, made later under the same name", async (show) => {
    const impostor = jobNamed(system.seed, "train-impostor");
    const answer = await ask(impostor);
    const { code } = problemSchema.parse(answer.body);
    expectEqual("code", code, "DENIED");
    show.fact("who", `github:${impostor.repositoryId}, also ${impostor.repository}`);
    show.fact("answer", `${answer.status} ${code}`);
  });
}

/** As `core.getIDToken("api://latchkey")` of GitHub's toolkit does it. */
async function tokenOf(job: Job): Promise<string> {
  const response = await fetch(`${tokenRequestUrl(job)}&audience=${encodeURIComponent("api://latchkey")}`, {
    headers: { authorization: `Bearer ${job.requestToken}` },
  });
  return tokenSchema.parse(await response.json()).value;
}

/** What the data team has done long before. */
async function putDataset(seed: Seed): Promise<void> {
  const { clientId, secret } = applicationOf(seed, "zenml-connector");
  const container = new ContainerClient(CONTAINER_URL, new ClientSecretCredential(seed.tenant.id, clientId, secret));
  await container.getBlockBlobClient(BLOB).upload(CONTENT, CONTENT.length);
}

function jobNamed(seed: Seed, name: string): Job {
  const job = seed.githubJobs.find((candidate) => candidate.name === name);
  if (job === undefined) throw new Surprise(`the seed file has no job ${name}`);
  return job;
}

/** Two accounts have a container of this name: a grant says which by the ARM id. */
function datasetsId(seed: Seed): string {
  const { id } = seed.subscriptions[0] ?? { id: "" };
  return `/subscriptions/${id}/resourceGroups/demo-zenml-demos/providers/Microsoft.Storage/storageAccounts/demozenmlartifacts/blobServices/default/containers/datasets`;
}
