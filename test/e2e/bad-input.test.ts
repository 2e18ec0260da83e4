/** Wrong requests: each its own code and remedy, nothing changed, nothing of the input shown again. */
import { randomUUID } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { type Answer, createApi, type Problem, registration } from "../support/api.ts";
import { HOST_STATE, OTHER_DATASETS, OTHER_SUBSCRIPTION, OWN_STATE } from "../support/granted.ts";
import { ARTIFACTS, containerId, DATASETS } from "../support/policy.ts";
import { sharedSystem } from "../support/shared-system.ts";
import { openStateAccount, type State, type StateAccount } from "../support/state-account.ts";

const system = sharedSystem();
const api = createApi(system);
let state: StateAccount;
let before: State;

/** Longer than this file runs, shorter than the usual life of a credential. */
const ENDS_AT = new Date(Date.now() + 1800_000);

/** Connectors of this file by what limits them. */
const LIMITS = {
  "bad-input-free": {},
  "bad-input-account": { configuration: { ...configuration(), storageAccount: "demozenmlarchive" } },
  "bad-input-group": { configuration: { ...configuration(), resourceGroup: "other-team" } },
  "bad-input-subscription": { configuration: { ...configuration(), subscriptionId: randomUUID() } },
  "bad-input-resource": { resourceId: DATASETS },
  "bad-input-ending": { expiresAt: ENDS_AT.toISOString() },
};

function configuration() {
  return registration(system, "").configuration;
}

const INVALID = "INVALID_REQUEST";
function limited(limit: "resourceGroup" | "storageAccount") {
  return { configuration: { ...configuration(), [limit]: "demozenmlarchive" } };
}

beforeAll(async () => {
  state = openStateAccount(system);
  for (const [name, limits] of Object.entries(LIMITS)) {
    const made = await api.register(name, limits);
    expect(made.status, made.text).toBe(201);
  }
  before = await state.read();
});

/** What every refusal has in common. */
async function expectRefusal(answer: Answer<Problem>, status: number, code: string, secrets: readonly string[] = []) {
  expect([answer.status, answer.body?.code], answer.text).toEqual([status, code]);
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  expect(answer.body.status).toBe(status);
  expect(answer.body.detail).toMatch(
    /\b(Correct|Give|Send|Check|Choose|Use|Ask|Start|GET|POST|Grant|must be|not valid JSON)\b/,
  );
  for (const secret of secrets) expect(answer.text).not.toContain(secret);
  expect(await state.read()).toEqual(before);
}

describe("register refuses", () => {
  it.each([
    ["a wrong secret", { secrets: { clientSecret: "wrong-secret-7f3a" } }],
    ["a tenant that is not there", { configuration: { ...configuration(), tenantId: randomUUID() } }],
    ["a client that is not there", { configuration: { ...configuration(), clientId: randomUUID() } }],
  ])("%s: 422", async (_what, changes) => {
    const answer = await api.register("bad-input-new", changes);
    await expectRefusal(answer, 422, "SIGN_IN_FAILED", ["wrong-secret-7f3a"]);
    expect(answer.body.detail).toMatch(/AADSTS(7000215|90002|700016)/);
  });

  it.each([
    ["a container that is not there", "az://no-such-container", 404, "RESOURCE_NOT_FOUND"],
    ["a container that is not there, by id", `${DATASETS}x`, 404, "RESOURCE_NOT_FOUND"],
    ["a name that two accounts have", "az://datasets", 409, "AMBIGUOUS_RESOURCE"],
    ["the service's own state", OWN_STATE, 403, "DENIED"],
    ["what the service's host keeps", HOST_STATE, 403, "DENIED"],
    ["a text that names no container", "az://Not_A_Container", 400, "INVALID_REQUEST"],
    ["a path upwards", "az://../latchkey", 400, "INVALID_REQUEST"],
  ])("%s as its only resource", async (_what, resourceId, status, code) => {
    await expectRefusal(await api.register("bad-input-new", { resourceId }), status, code);
  });

  it.each([
    ["its own state", { resourceId: OWN_STATE }, 403, "DENIED"],
    ["a type that a group rules out", { resourceTypes: ["azure-generic"], ...limited("resourceGroup") }, 400, INVALID],
    [
      "one that an account rules out",
      { resourceTypes: ["docker-registry"], ...limited("storageAccount") },
      400,
      INVALID,
    ],
  ])("%s, with verification and without", async (_what, changes, status, code) => {
    await expectRefusal(await api.register("bad-input-new", changes), status, code);
    const body = { ...registration(system, "bad-input-new"), ...changes };
    await expectRefusal(await api.call("POST", "connectors?verify=false", { body }), status, code);
  });

  it.each([
    "Upper",
    "-first",
    "under_score",
    "a/b",
    "",
    "x".repeat(64),
    "ü",
    "name\n",
    "0d9e8f7a-6b5c-4d3e-8f2a-1b0c9d8e7f6a",
    "verify",
    "explain",
    "policy",
    "read",
  ])("the name %j", async (name) => {
    const answer = await api.register(name);
    await expectRefusal(answer, 400, "INVALID_REQUEST");
    expect(answer.body.problems).toEqual([{ path: "/name", expected: expect.any(String) }]);
  });

  it.each([
    ["another auth method", { authMethod: "password" }, "/authMethod"],
    ["another cloud", { cloud: "germany" }, "/cloud"],
    ["an empty secret", { secrets: { clientSecret: "" } }, "/secrets/clientSecret"],
    ["no secret", { secrets: {} }, "/secrets"],
    ["a secret of 1,025 characters", { secrets: { clientSecret: "s".repeat(1025) } }, "/secrets/clientSecret"],
    [
      "a tenant that is no UUID",
      { configuration: { ...configuration(), tenantId: "common" } },
      "/configuration/tenantId",
    ],
    [
      "an account that is a host name",
      { configuration: { ...configuration(), storageAccount: "evil.example/" } },
      "/configuration/storageAccount",
    ],
    [
      "a group with a slash",
      { configuration: { ...configuration(), resourceGroup: "a/../b" } },
      "/configuration/resourceGroup",
    ],
    ["an unknown resource type", { resourceTypes: ["virtual-machine"] }, "/resourceTypes/0"],
    ["a resource type twice", { resourceTypes: ["blob-container", "blob-container"] }, "/resourceTypes"],
    ["a label that is no text", { labels: { a: 1 } }, "/labels/a"],
    ["a user without an id", { users: ["user:me"] }, "/users/0"],
    ["an end in the past", { expiresAt: "2020-01-01T00:00:00Z" }, "/expiresAt"],
    ["an end that is no time", { expiresAt: "tomorrow" }, "/expiresAt"],
    ["an unknown field", { colour: "red" }, "/colour"],
    [
      "an unknown field of the configuration",
      { configuration: { ...configuration(), authority: "x" } },
      "/configuration/authority",
    ],
    ["an unknown field of the secrets", { secrets: { clientSecret: "s", password: "p" } }, "/secrets/password"],
  ])("%s, and says where it is", async (_what, changes, path) => {
    const answer = await api.register("bad-input-new", changes);
    await expectRefusal(answer, 400, "INVALID_REQUEST");
    expect(answer.body.problems?.map((problem) => problem.path)).toEqual([path]);
  });

  it("a secret in the wrong place, without showing it", async () => {
    const secret = "secret-in-the-wrong-place-9c1";
    for (const changes of [
      { [secret]: 1 },
      { clientSecret: secret },
      { secrets: secret },
      { labels: { a: secret.repeat(9) } },
    ]) {
      const answer = await api.register("bad-input-new", changes);
      await expectRefusal(answer, 400, "INVALID_REQUEST", [secret]);
    }
  });

  it("an unknown query parameter", async () => {
    for (const query of ["plan=true", "verify=maybe", "verify=true&verify=false"]) {
      const body = registration(system, "bad-input-new");
      await expectRefusal(await api.call("POST", `connectors?${query}`, { body }), 400, "INVALID_REQUEST");
    }
  });
});

describe("issue refuses", () => {
  it.each([
    ["a connector that is granted and not there", "bad-input-none", {}, 404, "NOT_FOUND"],
    ["an id that no connector has", randomUUID(), {}, 404, "NOT_FOUND"],
    ["a connector that is not granted, there or not", "bad-input-unknown", {}, 403, "DENIED"],
    ["a container that is not granted", "bad-input-free", { resourceId: "az://payroll" }, 403, "DENIED"],
    [
      "an id of something else",
      "bad-input-free",
      { resourceId: ARTIFACTS.replace("/blobServices/default/containers", "/fileServices/default/shares") },
      403,
      "DENIED",
    ],
    ["a container that neither is granted nor there", "bad-input-free", { resourceId: "az://nothing" }, 403, "DENIED"],
    [
      "a container that is granted and not there",
      "bad-input-free",
      { resourceId: "az://no-such-container" },
      404,
      "RESOURCE_NOT_FOUND",
    ],
    ["one of a group that is not there", "bad-input-free", { resourceId: "no-such-group" }, 404, "RESOURCE_NOT_FOUND"],
    [
      "one of a subscription that is not there",
      "bad-input-free",
      { resourceId: "az://elsewhere" },
      404,
      "RESOURCE_NOT_FOUND",
    ],
    [
      "a granted container under another subscription",
      "bad-input-free",
      { resourceId: ARTIFACTS.replace(/(?<=subscriptions\/)[^/]+/, OTHER_SUBSCRIPTION) },
      403,
      "DENIED",
    ],
    ["a name that two grants have", "bad-input-free", { resourceId: "datasets" }, 409, "AMBIGUOUS_RESOURCE"],
    ["the service's own state", "bad-input-free", { resourceId: OWN_STATE }, 403, "DENIED"],
    [
      "the service's own state in another case",
      "bad-input-free",
      { resourceId: containerId("LatchkeyState", "latchkey", "LATCHKEY") },
      403,
      "DENIED",
    ],
    ["the service's own state by name", "bad-input-free", { resourceId: "az://latchkey" }, 403, "DENIED"],
    ["what the service's host keeps", "bad-input-free", { resourceId: HOST_STATE }, 403, "DENIED"],
    ["the same in another case", "bad-input-free", { resourceId: HOST_STATE.toUpperCase() }, 403, "DENIED"],
    ["the same by name", "bad-input-free", { resourceId: "az://azure-webjobs-secrets" }, 403, "DENIED"],
    ["another account", "bad-input-account", { resourceId: ARTIFACTS }, 403, "DENIED"],
    ["another account by name", "bad-input-account", { resourceId: "demo-zenmlartifactstore" }, 403, "DENIED"],
    ["another resource group", "bad-input-group", { resourceId: ARTIFACTS }, 403, "DENIED"],
    ["another subscription", "bad-input-subscription", { resourceId: ARTIFACTS }, 403, "DENIED"],
    ["another container than the only one", "bad-input-resource", { resourceId: ARTIFACTS }, 403, "DENIED"],
    ["another container of the same name", "bad-input-resource", { resourceId: OTHER_DATASETS }, 403, "DENIED"],
    [
      "a container where the connector has no data role",
      "bad-input-free",
      { resourceId: "az://cold-models" },
      502,
      "UPSTREAM_REFUSED",
    ],
  ])("%s", async (_what, connector, changes, status, code) => {
    await expectRefusal(await api.issue(connector, changes), status, code);
  });

  it("a name that fits several, and says which", async () => {
    const { body } = await api.issue("bad-input-free", { resourceId: "az://datasets" });
    expect(body.candidates).toEqual([OTHER_DATASETS, DATASETS]);
  });

  it.each([
    ["a life of 59 s", { ttlSeconds: 59 }, "/ttlSeconds"],
    ["a life of 86,401 s", { ttlSeconds: 86_401 }, "/ttlSeconds"],
    ["a life as text", { ttlSeconds: "60" }, "/ttlSeconds"],
    ["a life in fractions", { ttlSeconds: 60.5 }, "/ttlSeconds"],
    ["no right", { access: [] }, "/access"],
    ["a right twice", { access: ["read", "read"] }, "/access"],
    ["an unknown right", { access: ["read", "admin"] }, "/access/1"],
    ["a right as text", { access: "read" }, "/access"],
    ["a type that is not served", { resourceType: "virtual-machine" }, "/resourceType"],
    ["another form", { form: "docker-login" }, "/form"],
    ["a scope of another type", { scope: { repositories: ["a"] } }, "/scope/repositories"],
    ["an unknown field", { colour: "red" }, "/colour"],
    ["an empty resource", { resourceId: "" }, "/resourceId"],
    ["a resource that is no text", { resourceId: 7 }, "/resourceId"],
    ["a reason of 501 characters", { reason: "r".repeat(501) }, "/reason"],
  ])("%s, and says where it is", async (_what, changes, path) => {
    const answer = await api.issue("bad-input-free", changes);
    await expectRefusal(answer, 400, "INVALID_REQUEST");
    expect(answer.body.problems?.map((problem) => problem.path)).toEqual([path]);
  });

  it("a life beyond the end of the connector, and takes one within it", async () => {
    const answer = await api.issue("bad-input-ending", { ttlSeconds: 1801 });
    await expectRefusal(answer, 400, "INVALID_REQUEST");
    expect(answer.body.problems).toEqual([{ path: "/ttlSeconds", expected: expect.stringMatching(/^at most \d+$/) }]);
    const { status, body } = await api.issue("bad-input-ending", { ttlSeconds: 60 });
    expect(status).toBe(201);
    before = await state.read();
    const lease = before.tables.Leases?.find(({ rowKey }) => rowKey === body.leaseId);
    expect(Date.parse(String(lease?.maxUntil))).toBeLessThanOrEqual(ENDS_AT.getTime());
  });

  it("takes the only container of a connector by a name that others have too, when it alone is granted", async () => {
    const { status, body, text } = await api.issue("bad-input-resource", { resourceId: DATASETS });
    expect([status, body.resourceId], text).toEqual([201, DATASETS]);
    before = await state.read();
  });

  it("takes the shortest and the longest life", async () => {
    for (const ttlSeconds of [60, 86_400]) {
      const { status, body } = await api.issue("bad-input-free", { ttlSeconds });
      expect(status).toBe(201);
      expect(Date.parse(body.expiresAt) - Date.parse(body.issuedAt)).toBe(ttlSeconds * 1000);
    }
    before = await state.read();
  });
});
