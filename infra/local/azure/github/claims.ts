/** What stands in the token of a job. Members and their order as in GitHub's reference; all ids are strings. Used by github.ts. */
import { createHash, randomUUID } from "node:crypto";
import type { JWTPayload } from "jose";
import type { Job } from "./jobs.ts";

/** `iss` of every token. */
export const ISSUER = "https://token.actions.githubusercontent.com";
/** Seconds before `iat` from which on, and after it until which, a token is valid (the example of GitHub's reference). */
const BACK_DATED_SECONDS = 600;
const LIFE_SECONDS = 300;

/** @param audience the owner's page on GitHub when the job names none */
export function jobClaims(job: Job, audience: string | undefined, at: Date): JWTPayload {
  const [owner = "", name = ""] = job.repository.split("/");
  const issuedAt = Math.floor(at.getTime() / 1000);
  const workflow = `${job.repository}/${job.workflowFile}@${job.ref}`;
  const commit = createHash("sha1").update(workflow).digest("hex");
  // Names with numbers: what repositories have that were made, renamed or moved after 15 July 2026.
  const repository = `repo:${owner}@${job.repositoryOwnerId}/${name}@${job.repositoryId}`;
  const where =
    job.environment === undefined ? `ref:${job.ref}` : `environment:${job.environment.replaceAll(":", "%3A")}`;
  return {
    jti: randomUUID(),
    sub: `${repository}:${where}`,
    ...(job.environment === undefined ? {} : { environment: job.environment }),
    aud: audience || `https://github.com/${owner}`,
    ref: job.ref,
    sha: commit,
    repository: job.repository,
    repository_owner: owner,
    repository_owner_id: job.repositoryOwnerId,
    run_id: "19284756201",
    run_number: "42",
    run_attempt: "1",
    repository_visibility: "private",
    repository_id: job.repositoryId,
    actor_id: "58120391",
    actor: "zenml-bot",
    workflow: job.workflow,
    head_ref: "",
    base_ref: "",
    event_name: "push",
    ref_protected: "true",
    ref_type: "branch",
    workflow_ref: workflow,
    workflow_sha: commit,
    job_workflow_ref: workflow,
    job_workflow_sha: commit,
    runner_environment: "github-hosted",
    check_run_id: "55102938476",
    iss: ISSUER,
    nbf: issuedAt - BACK_DATED_SECONDS,
    exp: issuedAt + LIFE_SECONDS,
    iat: issuedAt,
  };
}
