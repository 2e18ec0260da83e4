/** Asks GitHub for a job's token, as the job itself would. For contract and e2e tests. */

import { tokenRequestUrl } from "../../infra/local/azure/github/jobs.ts";
import type { Seed } from "../../infra/local/seed.ts";
import { rawRequest } from "./raw-request.ts";

type Azure = { readonly proxyUrl: string; readonly seed: Seed };

/** A job of the seed with its `ACTIONS_ID_TOKEN_REQUEST_URL`. */
export function jobNamed({ seed }: Azure, name: string): Seed["githubJobs"][number] & { url: string } {
  const job = seed.githubJobs.find((candidate) => candidate.name === name);
  if (job === undefined) throw new Error(`the seed has no job ${name}`);
  return { ...job, url: tokenRequestUrl(job) };
}

/** Its token. @throws Error when GitHub gives none */
export async function jobToken(azure: Azure, name: string, audience?: string): Promise<string> {
  const { url, requestToken } = jobNamed(azure, name);
  const answer = await rawRequest(azure, {
    method: "GET",
    url: audience === undefined ? url : `${url}&audience=${encodeURIComponent(audience)}`,
    headers: { authorization: `Bearer ${requestToken}` },
  });
  if (answer.status !== 200) throw new Error(`GitHub answered ${answer.status}`);
  const { value }: { value: string } = JSON.parse(answer.body);
  return value;
}
