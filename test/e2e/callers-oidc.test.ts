/** Callers whose token is not a plain one of Entra: jobs of GitHub Actions, and users in too many groups. */
import { beforeAll, describe, expect, it, vi } from "vitest";
import { CREDENTIAL_REQUEST, createApi } from "../support/api.ts";
import { jobToken } from "../support/github-jobs.ts";
import { sharedSystem } from "../support/shared-system.ts";

const system = sharedSystem();
const api = createApi(system);
const CONNECTOR = "callers-oidc";
const [subscription] = system.seed.subscriptions;
const DATASETS = `/subscriptions/${subscription?.id}/resourceGroups/demo-zenml-demos/providers/Microsoft.Storage/storageAccounts/demozenmlartifacts/blobServices/default/containers/datasets`;
const REQUEST = {
  ...CREDENTIAL_REQUEST,
  resourceId: DATASETS,
  access: ["read"],
  ttlSeconds: 600,
  project: "callers-oidc",
};
const TRAIN = "812345678";
const AUDIENCE = "api://latchkey";
/** Longer than a process goes by policy that it has read. */
const POLICY_MS = 20_000;

type Issued = { readonly leaseId: string; readonly rule: string; readonly code: string };
const issue = (token: string, changes: object = {}) =>
  api.call<Issued>("POST", `connectors/${CONNECTOR}/credentials`, { token, body: { ...REQUEST, ...changes } });

beforeAll(async () => {
  expect((await api.register(CONNECTOR)).status).toBe(201);
  const create = async (path: string, body: object) => {
    const answer = await api.call("PUT", path, { headers: { "if-none-match": "*" }, body });
    expect(answer.status).toBe(200);
  };
  const group = system.seed.groups.find(({ name }) => name === "data-scientists");
  const ci = { project: "callers-oidc", domain: "ci" };
  const people = { project: "callers-oidc", domain: "people" };
  await create("memberships/callers-oidc-ci", { principals: [`github:${TRAIN}`], ...ci });
  await create("memberships/callers-oidc-people", { principals: [`group:${group?.id}`], ...people });
  const grant = { connector: CONNECTOR, resourceId: DATASETS, access: ["read"], maxTtlSeconds: 900 };
  await create("grants/callers-oidc-ci", { ...grant, ...ci });
  await create("grants/callers-oidc-people", { ...grant, ...people });
  const job = await jobToken(system, "train", AUDIENCE);
  await vi.waitFor(async () => expect((await issue(job)).status).toBe(201), { timeout: POLICY_MS, interval: 500 });
});

describe("a job of GitHub Actions", () => {
  it("gets what the grant of its repository's number says, and its lease names it so", async () => {
    const token = await jobToken(system, "train", AUDIENCE);
    const issued = await issue(token);
    expect([issued.status, issued.body.rule]).toEqual([201, "grant:callers-oidc-ci"]);
    const lease = await api.call("GET", `leases/${issued.body.leaseId}`, { token });
    expect(lease.status).toBe(200);
    expect(lease.text).toContain(`github:${TRAIN}`);
  });

  it.each([
    ["what the grant does not give", { access: ["write"] }, "SCOPE_TOO_WIDE"],
    ["another domain's work", { domain: "people" }, "DENIED"],
  ])("is refused %s", async (_what, changes, code) => {
    const answer = await issue(await jobToken(system, "train", AUDIENCE), changes);
    expect([answer.status, answer.body.code]).toEqual([403, code]);
  });

  it("of a repository that took over the name is refused", async () => {
    const answer = await issue(await jobToken(system, "train-impostor", AUDIENCE));
    expect([answer.status, answer.body.code]).toEqual([403, "DENIED"]);
  });

  it.each([
    ["the owner's page", undefined],
    ["Azure", "api://AzureADTokenExchange"],
    ["our audience with a slash more", `${AUDIENCE}/`],
  ])("with a token for %s is refused", async (_what, audience) => {
    const answer = await issue(await jobToken(system, "train", audience));
    expect([answer.status, answer.body.code]).toEqual([401, "TOKEN_WRONG_AUDIENCE"]);
  });

  it.each([
    ["POST", "connectors"],
    ["GET", "audit"],
    ["GET", "grants/callers-oidc-ci"],
    ["DELETE", "grants/callers-oidc-ci"],
  ])("is no administrator and no auditor: %s %s", async (method, path) => {
    const answer = await api.call(method, path, { token: await jobToken(system, "train", AUDIENCE) });
    expect([answer.status, answer.body.code]).toEqual([403, "ROLE_REQUIRED"]);
  });
});

describe("a user whose groups Entra leaves out", () => {
  it("is told so where a membership goes by group, while a colleague gets the credential", async () => {
    const refused = await issue(await api.tokenOf("veteran"), { domain: "people" });
    expect([refused.status, refused.body.code]).toEqual([403, "GROUPS_OVERAGE"]);
    const issued = await issue(await api.tokenOf("scientist"), { domain: "people" });
    expect([issued.status, issued.body.rule]).toEqual([201, "grant:callers-oidc-people"]);
  });

  it("is simply denied where no membership goes by group", async () => {
    const answer = await issue(await api.tokenOf("veteran"), { domain: "ci" });
    expect([answer.status, answer.body.code]).toEqual([403, "DENIED"]);
  });
});
