/** Who gets what: two people and an app in two projects, denies, plans and explanations, and changes of policy. */
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { enterLocalAzure } from "../../infra/local/in-process-client.ts";
import { type Api, createApi, type IssuedBody, type Plan, type Problem } from "../support/api.ts";
import { OTHER_DATASETS } from "../support/granted.ts";
import { ARTIFACTS, appPrincipal, DATASETS, POLICY_AGE_MS, userPrincipal } from "../support/policy.ts";
import { openStateAccount, type StateAccount } from "../support/state-account.ts";
import { startOwnSystem } from "../support/system.ts";

const MAIN = "policy-main";
const OTHER = "policy-other";
const VISION = { project: "vision", domain: "production" };
const RESEARCH = { project: "vision", domain: "research" };
const VISION_CI = { project: "vision", domain: "ci" };
const SPEECH = { project: "speech", domain: "production" };
const EVERYWHERE = { project: "*", domain: "*" };

let system: Awaited<ReturnType<typeof startOwnSystem>>;
let leave = () => {};
let api: Api;
let state: StateAccount;

beforeAll(async () => {
  system = await startOwnSystem();
  leave = enterLocalAzure(system);
  api = createApi(system);
  state = openStateAccount(system);
  for (const name of [MAIN, OTHER]) expect((await api.register(name)).status).toBe(201);
  const group = system.seed.groups.find(({ name }) => name === "data-scientists")?.id;
  const automation = appPrincipal(system, "platform-automation");
  const on = { connector: MAIN };
  const records = {
    "memberships/vision": { principals: [userPrincipal(system, "scientist")], ...VISION },
    "memberships/research": { principals: [`group:${group}`], ...RESEARCH },
    "memberships/speech": { principals: [userPrincipal(system, "admin")], ...SPEECH },
    "memberships/ci": { principals: [automation], ...VISION_CI },
    "memberships/speech-ci": { principals: [automation], project: "speech", domain: "ci" },
    "grants/artifacts": {
      ...on,
      resourceId: ARTIFACTS,
      access: ["read", "write", "list"],
      ...VISION,
      maxTtlSeconds: 1800,
    },
    "grants/ended": { ...on, resourceId: ARTIFACTS, access: ["delete"], ...VISION, expiresAt: "2026-01-01T00:00:00Z" },
    "grants/research": { ...on, resourceId: DATASETS, access: ["read", "list"], ...RESEARCH },
    "grants/speech": { ...on, resourceId: DATASETS, access: ["read", "write"], ...SPEECH, maxTtlSeconds: 7200 },
    "grants/ci": { ...on, resourceId: ARTIFACTS, access: ["read"], ...VISION_CI, maxTtlSeconds: 600 },
    "grants/ci-datasets": { ...on, resourceId: DATASETS, access: ["read"], ...VISION_CI },
    "grants/ci-archive": { ...on, resourceId: OTHER_DATASETS, access: ["read"], ...VISION_CI },
    "grants/speech-ci": { ...on, resourceId: DATASETS, access: ["list"], project: "speech", domain: "*" },
    "grants/no-writes": {
      effect: "deny",
      connector: "*",
      resourceId: DATASETS,
      access: ["write", "delete"],
      ...EVERYWHERE,
    },
  };
  for (const [path, body] of Object.entries(records)) {
    const put = await api.create(path, body);
    expect(put.status, put.text).toBe(200);
  }
});
afterAll(async () => {
  leave();
  await system?.stop();
  system?.remove();
});

type Request = { connector?: string; resourceId: string; access: readonly string[]; [member: string]: unknown };
const bodyOf = ({ connector: _, ...request }: Request) => ({ resourceType: "blob-container", ...request });

async function issue(who: string, request: Request) {
  const path = `connectors/${request.connector ?? MAIN}/credentials`;
  const token = await api.tokenOf(who);
  return api.call<IssuedBody & Problem>("POST", path, { token, body: bodyOf(request) });
}

const read = (resourceId: string, more: object = {}): Request => ({ resourceId, access: ["read"], ...more });

describe("each gets what its grant says, and nothing else; plan and explanation say the same", () => {
  const CASES: readonly [who: string, request: Request, outcome: string][] = [
    ["scientist", { resourceId: ARTIFACTS, access: ["read", "write", "list"] }, "grant:artifacts"],
    ["scientist", read("az://demo-zenmlartifactstore", { ttlSeconds: 1800 }), "grant:artifacts"],
    ["scientist", read(ARTIFACTS, { ttlSeconds: 1801 }), "SCOPE_TOO_WIDE"],
    ["scientist", { resourceId: ARTIFACTS, access: ["read", "delete"] }, "SCOPE_TOO_WIDE"],
    ["scientist", { resourceId: ARTIFACTS, access: ["delete"] }, "SCOPE_TOO_WIDE"],
    ["scientist", read(DATASETS, RESEARCH), "grant:research"],
    ["scientist", read(DATASETS), "grant:research"],
    ["scientist", read(DATASETS, VISION), "DENIED"],
    ["scientist", read(DATASETS, SPEECH), "DENIED"],
    ["scientist", { resourceId: DATASETS, access: ["write"], ...RESEARCH }, "grant:no-writes"],
    ["scientist", read(ARTIFACTS, { connector: OTHER }), "DENIED"],
    ["scientist", read("az://payroll"), "DENIED"],
    ["scientist", read("az://nothing-there"), "DENIED"],
    ["scientist", read(OTHER_DATASETS), "DENIED"],
    ["admin", read("datasets"), "grant:speech"],
    ["admin", { resourceId: DATASETS, access: ["read", "write"] }, "grant:no-writes"],
    ["admin", read(ARTIFACTS), "DENIED"],
    ["admin", read(ARTIFACTS, VISION), "DENIED"],
    ["platform-automation", read(ARTIFACTS), "grant:ci"],
    ["platform-automation", read(ARTIFACTS, { ttlSeconds: 601 }), "SCOPE_TOO_WIDE"],
    ["platform-automation", { resourceId: ARTIFACTS, access: ["read", "write"] }, "SCOPE_TOO_WIDE"],
    ["platform-automation", read("az://datasets"), "AMBIGUOUS_RESOURCE"],
    ["platform-automation", read(DATASETS), "grant:ci-datasets"],
    ["platform-automation", read(DATASETS, { project: "speech" }), "SCOPE_TOO_WIDE"],
    ["platform-automation", { resourceId: DATASETS, access: ["list"], project: "speech" }, "grant:speech-ci"],
    ["veteran", read(DATASETS), "GROUPS_OVERAGE"],
    ["veteran", read(ARTIFACTS, VISION), "DENIED"],
  ];

  it.each(CASES)("%s asks for %j: %s", async (who, request, outcome) => {
    const token = await api.tokenOf(who);
    const connector = request.connector ?? MAIN;
    const before = await state.read();
    const path = `connectors/${connector}/credentials?plan=true`;
    const plan = await api.call<Plan>("POST", path, { token, body: bodyOf(request) });
    const explained = await api.call<Plan>("POST", "access/explain", {
      token,
      body: { ...bodyOf(request), connector },
    });
    expect([plan.status, explained.status], plan.text + explained.text).toEqual([200, 200]);
    expect(await state.read()).toEqual(before);
    expect(explained.body).toEqual(plan.body);

    const issued = await issue(who, request);
    const { allowed, rule, checks } = plan.body;
    if (issued.status === 201) {
      expect([issued.body.rule, allowed, rule]).toEqual([outcome, true, outcome]);
      expect(checks.filter(({ ok }) => !ok)).toEqual([]);
      const letters = new URLSearchParams(issued.body.credential.sasToken).get("sp");
      const wanted = { read: "r", write: "acw", list: "l", delete: "d" };
      expect([...(letters ?? "")].sort()).toEqual(
        Object.entries(wanted)
          .flatMap(([right, each]) => (request.access.includes(right) ? [...each] : []))
          .sort(),
      );
    } else {
      // A deny is named as the rule; otherwise no rule allows it.
      const isDeny = outcome.startsWith("grant:");
      expect([allowed, rule]).toEqual([false, isDeny ? outcome : null]);
      expect(issued.body.code, issued.text).toBe(isDeny ? "DENIED" : outcome);
      expect(issued.status).toBe(outcome === "AMBIGUOUS_RESOURCE" ? 409 : 403);
      expect(checks.some(({ ok }) => !ok)).toBe(true);
      const { tables } = await state.read();
      expect([tables.Leases, tables.Audit]).toEqual([before.tables.Leases, before.tables.Audit]);
    }
  });

  it("a life that nobody chose is an hour, or what the grant gives if that is less", async () => {
    const lifeOf = async (who: string, resourceId: string) => {
      const { body, text } = await issue(who, read(resourceId));
      expect(text).toContain("sasToken");
      return (Date.parse(body.expiresAt) - Date.parse(body.issuedAt)) / 1000;
    };
    expect(await lifeOf("scientist", ARTIFACTS)).toBe(1800);
    expect(await lifeOf("admin", DATASETS)).toBe(3600);
  });
});

describe("explaining for somebody else", () => {
  const explainFor = async (who: string, principal: object, request: Request) =>
    api.call<Plan & Problem>("POST", "access/explain", {
      token: await api.tokenOf(who),
      body: { ...bodyOf(request), connector: MAIN, principal },
    });

  it.each(["auditor", "admin"])("%s sees the decision that the other would get", async (who) => {
    const id = userPrincipal(system, "scientist");
    const group = system.seed.groups.find(({ name }) => name === "data-scientists")?.id;
    expect((await explainFor(who, { id }, read(ARTIFACTS))).body).toMatchObject({
      allowed: true,
      rule: "grant:artifacts",
    });
    expect((await explainFor(who, { id }, read(DATASETS))).body).toMatchObject({ allowed: false });
    const inGroup = await explainFor(who, { id, groups: [group] }, read(DATASETS));
    expect(inGroup.body).toMatchObject({ allowed: true, rule: "grant:research" });
  });

  it("is not for users", async () => {
    const { status, body } = await explainFor("scientist", { id: userPrincipal(system, "admin") }, read(DATASETS));
    expect([status, body.code]).toEqual([403, "DENIED"]);
  });
});

describe("records of policy", () => {
  const membership = { principals: ["github:4711"], project: "text", domain: "production" };
  const path = "memberships/text";
  const put = (body: unknown, headers: Record<string, string>) => api.call("PUT", path, { body, headers });

  it("are changed by whoever saw them as they are, and by nobody else", async () => {
    expect((await put(membership, {})).body.code).toBe("IF_MATCH_REQUIRED");
    expect((await put(membership, { "if-match": "*" })).body.code).toBe("IF_MATCH_REQUIRED");
    expect((await put(membership, { "if-match": 'W/"x"' })).body.code).toBe("ETAG_MISMATCH");
    const made = await put(membership, { "if-none-match": "*" });
    expect(made.status, made.text).toBe(200);
    expect((await put(membership, { "if-none-match": "*" })).body.code).toBe("ETAG_MISMATCH");
    const etag = made.headers.get("etag") ?? "";
    const bodies = ["github:1", "github:2", "github:3"].map((principal) => ({
      ...membership,
      principals: [principal],
    }));
    const racing = await Promise.all(bodies.map((body) => put(body, { "if-match": etag })));
    expect(racing.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(racing.filter(({ body }) => body.code === "ETAG_MISMATCH")).toHaveLength(2);
    const now = await api.call("GET", path);
    expect(now.body).toEqual(bodies[racing.findIndex(({ status }) => status === 200)]);
    expect((await api.call("DELETE", path, { headers: { "if-match": etag } })).body.code).toBe("ETAG_MISMATCH");
    const gone = await api.call("DELETE", path, { headers: { "if-match": now.headers.get("etag") ?? "" } });
    expect([gone.status, gone.text]).toEqual([204, ""]);
    expect((await api.call("GET", path)).body.code).toBe("NOT_FOUND");
  });

  it("leave what was changed, by whom, on the audit trail; what did not hold is withdrawn", async () => {
    const rows = (await state.rows("Audit")).filter(({ resourceId }) => resourceId === "membership:text");
    const events = rows.map(({ event, outcome, rule }) => `${event} ${outcome} ${rule}`);
    const counts = Object.fromEntries(
      [...new Set(events)].map((event) => [event, events.filter((e) => e === event).length]),
    );
    expect(counts).toEqual({
      // Created and changed once, and tried five times in vain.
      "membership.changed ok role:Latchkey.Admin": 6,
      "membership.changed withdrawn role:Latchkey.Admin": 4,
      "membership.deleted ok role:Latchkey.Admin": 2,
      "membership.deleted withdrawn role:Latchkey.Admin": 1,
    });
  });

  it("refuse what is no policy, and say where", async () => {
    const grant = { connector: MAIN, resourceId: ARTIFACTS, access: ["read"], ...VISION };
    const wrong: [string, object, string][] = [
      ["grants/wrong", { ...grant, connector: "*" }, "/"],
      ["grants/wrong", { ...grant, resourceId: "*" }, "/"],
      ["grants/wrong", { ...grant, resourceId: "az://demo-zenmlartifactstore" }, "/resourceId"],
      ["grants/wrong", { ...grant, resourceId: ARTIFACTS.split("/resourceGroups")[0], access: ["use"] }, "/scope"],
      ["grants/wrong", { ...grant, effect: "deny", resourceId: "https://examplevault.example" }, "/resourceId"],
      ["grants/wrong", { ...grant, access: ["admin"] }, "/access"],
      ["grants/wrong", { ...grant, scope: { version: "1" } }, "/scope"],
      ["grants/wrong", { ...grant, forms: ["docker-login"] }, "/forms"],
      ["grants/wrong", { ...grant, maxTtlSeconds: 86_401 }, "/maxTtlSeconds"],
      ["grants/wrong", { ...grant, colour: "red" }, "/colour"],
      ["grants/wrong", { ...grant, effect: "maybe" }, "/effect"],
      ["memberships/wrong", { ...membership, principals: [] }, "/principals"],
      ["memberships/wrong", { ...membership, principals: ["scientist@zenmldemo.onmicrosoft.com"] }, "/principals/0"],
      ["memberships/wrong", { ...membership, principals: ["github:zenml-demo/vision-training"] }, "/principals/0"],
      ["memberships/wrong", { ...membership, project: "Vision" }, "/project"],
    ];
    for (const [where, body, problem] of wrong) {
      const answer = await api.create(where, body);
      expect([answer.status, answer.body.code], answer.text).toEqual([400, "INVALID_REQUEST"]);
      expect(
        answer.body.problems?.map((each) => each.path),
        answer.text,
      ).toEqual([problem]);
      expect((await api.call("GET", where)).status).toBe(404);
    }
  });
});

it("a change of policy holds after ten seconds: what was taken away is refused, also for a renewal; what was given is there", async () => {
  const held = await issue("scientist", read(ARTIFACTS));
  expect(held.status, held.text).toBe(201);
  const current = await api.call("GET", "grants/artifacts");
  const etag = current.headers.get("etag") ?? "";
  expect((await api.call("DELETE", "grants/artifacts", { headers: { "if-match": etag } })).status).toBe(204);
  const on = { connector: MAIN, access: ["read"], ...VISION };
  expect((await api.create("grants/given", { ...on, resourceId: DATASETS })).status).toBe(200);
  const deny = { ...on, connector: "*", effect: "deny", resourceId: "*", ...SPEECH };
  expect((await api.create("grants/no-speech", deny)).status).toBe(200);
  await wait(POLICY_AGE_MS);

  const token = await api.tokenOf("scientist");
  const renewed = await api.call("POST", `leases/${held.body.leaseId}/renew`, { token, body: {} });
  expect([renewed.status, renewed.body.code], renewed.text).toEqual([403, "DENIED"]);
  // The grant that has ended gives nothing either.
  expect((await issue("scientist", read(ARTIFACTS))).body.code).toBe("DENIED");
  expect((await issue("scientist", read(DATASETS, VISION))).body.rule).toBe("grant:given");
  expect((await issue("admin", read(DATASETS))).body.code).toBe("DENIED");
  const why = await api.call<Plan>("POST", "access/explain", {
    token: await api.tokenOf("admin"),
    body: { ...bodyOf(read(DATASETS)), connector: MAIN },
  });
  expect(why.body).toMatchObject({ allowed: false, rule: "grant:no-speech" });
});
