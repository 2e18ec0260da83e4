/** The running jobs of the seed and where each asks for its token. Used by github.ts, the banner, the demo and the tests. */
import type { Seed } from "../../seed.ts";

/** A job of the seed. */
export type Job = Seed["githubJobs"][number];

/** Where GitHub's own runners ask. */
export const RUN_SERVICE = "https://run-actions-1-azure-eastus.actions.githubusercontent.com";

/** `ACTIONS_ID_TOKEN_REQUEST_URL` of a job, with the doubled slash that GitHub's has; `&audience=` goes behind it. */
export function tokenRequestUrl({ planId, jobId }: Pick<Job, "planId" | "jobId">): string {
  return `${RUN_SERVICE}/29//idtoken/${planId}/${jobId}?api-version=2.0`;
}

/** The job with these ids. */
export function findJob(seed: Seed, ids: Pick<Job, "planId" | "jobId">): Job | undefined {
  return seed.githubJobs.find(({ planId, jobId }) => planId === ids.planId && jobId === ids.jobId);
}
