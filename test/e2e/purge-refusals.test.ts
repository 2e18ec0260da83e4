/** What the purge refuses: wrong policies, runs and filters, other registries and tenants, callers without the role, attacks. */
import { setTimeout as wait } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { createApi } from "../support/api.ts";
import { registerContainers } from "../support/containers.ts";
import { createControl } from "../support/control.ts";
import {
  DAY,
  deleteOld,
  endOf,
  itemsOf,
  POLICIES,
  policiesOf,
  putPolicy,
  registerKeeper,
  runToEnd,
  startRun,
} from "../support/purge-calls.ts";
import { openPurgeRegistry } from "../support/purge-registry.ts";
import { ABAC_REGISTRY, LABELLED_REGISTRY, REGISTRY } from "../support/registry-requests.ts";
import { sharedSystem } from "../support/shared-system.ts";

const system = sharedSystem();
const api = createApi(system);
const registry = openPurgeRegistry(system, api);
const control = createControl(system);
const NAME = "purge-refusals";
const RULE = deleteOld(NAME);
/** A change of a connector holds everywhere after so long, milliseconds. */
const CONNECTOR_HOLDS_MS = 10_000;
let planId = "";
let connectorsChangedAt = 0;

beforeAll(async () => {
  await registerKeeper(system, api);
  await registry.fill(NAME, 6, { ageSeconds: 30 * DAY });
  await putPolicy(api, NAME, { rules: [RULE] });
  planId = (await runToEnd(api, NAME, "plan")).id;
  // First, so that it holds by the time when the last test looks.
  await changeConnector("disabled", { enabled: false });
  await changeConnector("expired", { expiresAt: new Date(Date.now() + 2_000).toISOString() });
  connectorsChangedAt = performance.now();
});

async function changeConnector(what: string, body: object): Promise<void> {
  const name = `refusals-${what}`;
  await registerContainers(system, api, name, "registry-keeper");
  await putPolicy(api, name, { connector: name, rules: [RULE] });
  const { headers } = await api.call("GET", `connectors/${name}`);
  const ifMatch = { "if-match": headers.get("etag") ?? "" };
  const changed = await api.call("PATCH", `connectors/${name}`, { headers: ifMatch, body });
  expect(changed.status, changed.text).toBe(200);
}

const put = (name: string, policy: object, policies = POLICIES) =>
  api.create(`${policies}/${name}`, { connector: "keeper", ...policy });
const withRule = (changes: object) => ({ rules: [{ ...RULE, ...changes }] });

describe("a policy is refused", () => {
  it.each<[string, object, string]>([
    ["a pattern that is not one", withRule({ tags: "v(" }), "PATTERN_UNSUPPORTED"],
    ["a back-reference", withRule({ tags: "(a)\\1" }), "PATTERN_UNSUPPORTED"],
    ["an atomic group", withRule({ repositories: "(?>a)b" }), "PATTERN_UNSUPPORTED"],
    ["an empty pattern", withRule({ tags: "" }), "INVALID_REQUEST"],
    ["a long pattern", withRule({ tags: "a".repeat(20_000) }), "INVALID_REQUEST"],
    ["no age", withRule({ olderThan: null }), "INVALID_REQUEST"],
    ["an age of zero", withRule({ olderThan: "0d" }), "INVALID_REQUEST"],
    ["a negative age", withRule({ olderThan: "-7d" }), "INVALID_REQUEST"],
    ["an age without a unit", withRule({ olderThan: "7" }), "INVALID_REQUEST"],
    ["an age of months", withRule({ olderThan: "P1M" }), "INVALID_REQUEST"],
    ["a number as age", withRule({ olderThan: 7 }), "INVALID_REQUEST"],
    ["neither tags nor untagged", withRule({ tags: null, untagged: false }), "INVALID_REQUEST"],
    ["a keep rule with an age", withRule({ action: "keep" }), "INVALID_REQUEST"],
    ["another action", withRule({ action: "archive" }), "INVALID_REQUEST"],
    ["a negative keepNewest", withRule({ keepNewest: -1 }), "INVALID_REQUEST"],
    ["a fraction to keep", withRule({ keepNewest: 1.5 }), "INVALID_REQUEST"],
    ["an unknown field in a rule", withRule({ dryRun: true }), "INVALID_REQUEST"],
    ["an unknown field", { rules: [RULE], dryRun: true }, "INVALID_REQUEST"],
    ["two rules of one name", { rules: [RULE, RULE] }, "INVALID_REQUEST"],
    ["no rules", { rules: [] }, "INVALID_REQUEST"],
    [
      "too many rules",
      { rules: Array.from({ length: 51 }, (_, n) => ({ ...RULE, name: `r${n}` })) },
      "INVALID_REQUEST",
    ],
    ["neither rules nor a schedule", {}, "INVALID_REQUEST"],
    ["an unknown preset", { schedule: { preset: "hourly" } }, "INVALID_REQUEST"],
    ["a preset and a cron", { schedule: { preset: "daily", cron: "0 3 * * *" } }, "INVALID_REQUEST"],
    ["a schedule of every minute", { rules: [RULE], schedule: { cron: "* * * * *" } }, "INVALID_REQUEST"],
    ["a schedule that is not one", { rules: [RULE], schedule: { cron: "daily" } }, "INVALID_REQUEST"],
    ["a schedule that never comes", { rules: [RULE], schedule: { cron: "0 0 30 2 *" } }, "INVALID_REQUEST"],
    ["no items", { rules: [RULE], limits: { maxItems: 0 } }, "INVALID_REQUEST"],
    ["more items than the server allows", { rules: [RULE], limits: { maxItems: 50_001 } }, "INVALID_REQUEST"],
    ["more than everything", { rules: [RULE], limits: { maxSharePercent: 101 } }, "INVALID_REQUEST"],
    [
      "another answer to unreadable clusters",
      { rules: [RULE], inUse: { onUnreadableCluster: "go" } },
      "INVALID_REQUEST",
    ],
    ["no connector", { rules: [RULE], connector: null }, "INVALID_REQUEST"],
    ["a connector that is not there", { rules: [RULE], connector: "nobody" }, "NOT_FOUND"],
  ])("with %s", async (_what, policy, code) => {
    const answer = await put("refused", policy);
    expect(answer.body?.code, answer.text).toBe(code);
    expect((await api.call("GET", `${POLICIES}/refused`)).status).toBe(404);
  });

  it.each(["-x", "x_y", "UPPER", "read", "policy", "a".repeat(64), "..%2Fx", "x%00", "%2E%2E"])(
    "under the name %s",
    async (name) => {
      const answer = await put(name, { rules: [RULE] });
      expect([400, 404], answer.text).toContain(answer.status);
    },
  );

  it("without having been seen, or when it is another by now", async () => {
    const path = `${POLICIES}/${NAME}`;
    const { headers, body } = await api.call("GET", path);
    const seen = headers.get("etag") ?? "";
    expect((await api.call("PUT", path, { body })).body.code).toBe("IF_MATCH_REQUIRED");
    expect((await api.call("DELETE", path)).body.code).toBe("IF_MATCH_REQUIRED");
    for (const method of ["PUT", "DELETE"]) {
      const options = { headers: { "if-match": '"another"' }, ...(method === "PUT" && { body }) };
      const answer = await api.call(method, path, options);
      expect([answer.status, answer.body.code]).toEqual([412, "ETAG_MISMATCH"]);
    }
    expect((await put(NAME, { rules: [RULE] })).body.code).toBe("ETAG_MISMATCH");
    expect((await api.call("GET", path)).headers.get("etag")).toBe(seen);
  });
});

describe("a registry is refused", () => {
  it.each([
    ["outside the connector", ABAC_REGISTRY, "refusals-outside"],
    ["of another tenant", "zenmlpartnerregistry.azurecr.io", "keeper"],
    ["that is not there", "nosuchregistry.azurecr.io", "keeper"],
  ])("%s", async (_what, host, connector) => {
    if (connector !== "keeper") await registerContainers(system, api, connector, "zenml-connector");
    const policies = policiesOf(host);
    const answer = await put("refused", { connector, rules: [RULE] }, policies);
    expect([403, 404], answer.text).toContain(answer.status);
  });

  it("of the same name in another subscription loses nothing to a connector that may only read it", async () => {
    const [policies, other] = [policiesOf(LABELLED_REGISTRY), openPurgeRegistry(system, api, LABELLED_REGISTRY)];
    await other.age("zenml", 30 * DAY);
    await putPolicy(api, "refused", { rules: [deleteOld("zenml")] }, policies);
    const run = await runToEnd(api, "refused", "runs", { policies });
    expect(run).toMatchObject({ state: "partial", counts: { toDelete: 1, failed: 1, deletedManifests: 0 } });
  });

  it.each([
    "example.com",
    `${REGISTRY}.example.com`,
    `${REGISTRY}@example.com`,
    "127.0.0.1",
    "localhost:7081",
    "demozenmlcontainerregistry",
    "x.azurecr.cn",
    `${REGISTRY}%2F..%2Fx`,
    "..%2F..%2Fconnectors",
    "%2e%2e",
    `https:%2F%2F${REGISTRY}`,
    `${REGISTRY}%00`,
    `${REGISTRY}~`,
    "a".repeat(200),
  ])("under the host %s", async (host) => {
    for (const [method, path] of [
      ["GET", policiesOf(host)],
      ["GET", `${policiesOf(host)}/${NAME}`],
      ["POST", `${policiesOf(host)}/${NAME}/plan`],
    ] as const) {
      const answer = await api.call(method, path);
      expect([400, 404, 405], `${path} ${answer.text}`).toContain(answer.status);
    }
    const runs = await api.call("GET", `purge-runs?registry=${host}`);
    expect([runs.status, runs.body?.code]).toEqual([400, "INVALID_REQUEST"]);
  });
});

describe("runs and their items", () => {
  it.each([
    "limit=0",
    "limit=1001",
    "limit=x",
    "view=all",
    "action=remove",
    "reason=because",
    "outcome=deleted",
    "format=xml",
    "repository=UPPER",
    "repository=..%2F..",
    "rule=",
    "continuationToken=x",
    "unknown=1",
    "continuationToken=",
    `continuationToken=${Buffer.from(`plan 8204650487534-aaaaaa 0`).toString("base64url")}`,
    `continuationToken=${Buffer.from("plan ../../x 0").toString("base64url")}`,
  ])("are not filtered by %s", async (query) => {
    const answer = await api.call("GET", `purge-runs/${planId}/items?${query}`);
    expect([answer.status, answer.body?.code], answer.text).toEqual([400, "INVALID_REQUEST"]);
  });

  it("are not read with the token of another run", async () => {
    const other = await runToEnd(api, NAME, "plan");
    const { body } = await api.call<{ continuationToken: string }>("GET", `purge-runs/${other.id}/items?limit=1`);
    expect(body.continuationToken).not.toBeNull();
    const answer = await api.call("GET", `purge-runs/${planId}/items?continuationToken=${body.continuationToken}`);
    expect([answer.status, answer.body.code]).toEqual([400, "INVALID_REQUEST"]);
  });

  it.each(["x", "..", "0000000000000-aaaaa", "8204650487534-AAAAAA", "%2e%2e%2fplans"])(
    "of the id %s are not there",
    async (id) => {
      for (const [method, path] of [
        ["GET", id],
        ["GET", `${id}/items`],
        ["POST", `${id}/cancel`],
      ] as const) {
        expect([400, 404, 405]).toContain((await api.call(method, `purge-runs/${path}`)).status);
      }
    },
  );

  it("a report is not there before the run has ended, nor of a plan", async () => {
    expect((await api.call("GET", `purge-runs/${planId}/items?view=report`)).status).toBe(404);
  });

  it.each([{ planId: "x" }, { planId: 1 }, { planId: null, force: true }, { planId: "../plans/x" }])(
    "are not started with %j",
    async (body) => {
      const answer = await api.call("POST", `${POLICIES}/${NAME}/runs`, { body });
      expect([answer.status, answer.body.code]).toEqual([400, "INVALID_REQUEST"]);
    },
  );

  it("are not started of a policy that is not there", async () => {
    for (const what of ["plan", "runs"]) {
      const options = what === "runs" ? { body: { planId: null } } : {};
      expect((await api.call("POST", `${POLICIES}/nobody/${what}`, options)).body.code).toBe("NOT_FOUND");
    }
  });

  it("do not overlap on one registry, whatever their policies; plans do", async () => {
    await putPolicy(api, `${NAME}-other`, { rules: [deleteOld("another/one")] });
    await control.fault({ service: "kubernetes", path: "/cronjobs", latencyMs: 1_500, times: 1 });
    const id = await startRun(api, NAME, "runs");
    for (const policy of [NAME, `${NAME}-other`]) {
      const answer = await api.call("POST", `${POLICIES}/${policy}/runs`, { body: { planId: null } });
      expect([answer.status, answer.body.code]).toEqual([409, "RUN_ACTIVE"]);
    }
    expect((await runToEnd(api, NAME, "plan")).state).toBe("planned");
    expect((await endOf(api, id)).state).toBe("done");
    await control.clear();
  });
});

it("a tag that a spreadsheet would take for a formula is text in a CSV", async () => {
  // Tags begin with a letter, a digit or an underscore: what begins a formula can only stand elsewhere.
  const items = await itemsOf(api, planId);
  const { text } = await api.call("GET", `purge-runs/${planId}/items?format=csv`);
  const cells = text.split(/\r\n|,/).filter((cell) => cell !== "");
  expect(items.length).toBeGreaterThan(0);
  for (const cell of cells) expect(cell).not.toMatch(/^[=+\-@\t]/);
});

it("who is not an administrator starts nothing; an auditor reads; users read nothing", async () => {
  const calls = [
    ["GET", POLICIES],
    ["GET", `${POLICIES}/${NAME}`],
    ["GET", "purge-runs"],
    ["GET", `purge-runs/${planId}`],
    ["GET", `purge-runs/${planId}/items`],
    ["PUT", `${POLICIES}/${NAME}`],
    ["DELETE", `${POLICIES}/${NAME}`],
    ["POST", `${POLICIES}/${NAME}/plan`],
    ["POST", `${POLICIES}/${NAME}/runs`],
    ["POST", `${POLICIES}/import`],
    ["POST", `purge-runs/${planId}/cancel`],
  ] as const;
  for (const who of ["scientist", "auditor", "stranger"]) {
    const token = await api.tokenOf(who);
    for (const [method, path] of calls) {
      const answer = await api.call(method, path, { token });
      const isOpen = who === "auditor" && method === "GET";
      expect([who, method, path, answer.status]).toEqual([who, method, path, isOpen ? 200 : 403]);
    }
  }
  for (const [method, path] of calls) expect((await api.call(method, path, { token: null })).status).toBe(401);
});

it("a registry is refused through a connector that is disabled or has expired", async () => {
  await wait(Math.max(0, connectorsChangedAt + CONNECTOR_HOLDS_MS - performance.now()));
  for (const what of ["disabled", "expired"]) {
    const answer = await api.call("POST", `${POLICIES}/refusals-${what}/plan`);
    expect([answer.status, answer.body.code]).toEqual([409, `CONNECTOR_${what.toUpperCase()}`]);
  }
});
