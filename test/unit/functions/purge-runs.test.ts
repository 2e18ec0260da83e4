import { describe, expect, test } from "vitest";
import type { Role } from "../../../shared/principal.ts";
import { UNSEEN_MAX_SECONDS } from "../../../shared/purge/apply/freshness.ts";
import type { PurgeRun } from "../../../shared/purge/run.ts";
import { ADMIN } from "../../support/fakes.ts";
import { runtimeOf } from "../../support/fakes-http.ts";
import { planLine, reportLine } from "../../support/fakes-purge-items.ts";
import { purgeRun, REGISTRY, runId } from "../../support/fakes-purge-runs.ts";
import { productRoutes } from "../../support/fakes-routes.ts";

const api = "https://latchkey.example/api/purge-runs";
const PLAN_BLOB = `plans/${runId(1)}.jsonl`;
const REPORT_BLOB = `reports/${runId(1)}.jsonl`;

function runtime(role: Role = "Latchkey.Auditor") {
  const product = productRoutes();
  const { call } = runtimeOf(product.routes, { verifyCaller: async () => ({ ...ADMIN, roles: [role] }) });
  const { runs, lines } = product.purge.deps;
  const insert = (changes: Partial<PurgeRun> = {}, index = 1) =>
    runs.insert(purgeRun(index, { kind: "plan", state: "planned", ...changes }));
  const list = (query = "") => call("purge-runs-list", { url: `${api}${query}` });
  const items = (query = "", id = runId(1)) =>
    call("purge-runs-items", { url: `${api}/${id}/items${query}`, params: { id } });
  return { ...product, call, runs, lines, insert, list, items };
}

describe("runs", () => {
  test("a run: what it is, what it counted, its window, and where to go on; no link of the host's", async () => {
    const { call, insert } = runtime();
    const run = purgeRun(1, { state: "applying", planBlob: PLAN_BLOB, bytesFreed: 2 ** 40, slice: "slice-id" });
    await insert(run);
    const { status, headers, json, body } = await call("purge-runs-get", { params: { id: run.id } });
    expect([status, typeof headers.etag]).toEqual([200, "string"]);
    expect(json).toMatchObject({
      ...{ id: run.id, registry: REGISTRY, policy: "weekly", kind: "purge", state: "applying", code: null },
      ...{ bytesFreed: 2 ** 40, bytesToFree: 0, counts: run.counts, startedBy: ADMIN.id, cancelRequested: false },
      recheckMaxAgeSeconds: UNSEEN_MAX_SECONDS,
      links: {
        self: `/api/purge-runs/${run.id}`,
        plan: `/api/purge-runs/${run.id}/items?view=plan`,
        report: null,
        cancel: `/api/purge-runs/${run.id}/cancel`,
      },
    });
    for (const inner of ["slice-id", ".jsonl", "durabletask", "policyJson"]) expect(body).not.toContain(inner);
  });

  test("pages over registries give each run once; one registry's alone", async () => {
    const { insert, list } = runtime();
    for (const [index, loginServer] of [
      [1, REGISTRY],
      [2, REGISTRY],
      [3, "other.azurecr.io"],
    ] as const) {
      await insert({ loginServer }, index);
    }
    const seen: unknown[] = [];
    let token: unknown = null;
    do {
      const { json } = await list(`?limit=1${token === null ? "" : `&continuationToken=${token}`}`);
      seen.push(...[json.items].flat().map((item) => Object(item).id));
      token = json.continuationToken;
    } while (token !== null);
    expect(seen).toEqual([runId(3), runId(2), runId(1)]);
    expect((await list(`?registry=${REGISTRY.toUpperCase()}`)).json.items).toMatchObject([
      { id: runId(2) },
      { id: runId(1) },
    ]);
    expect((await list("?registry=third.azurecr.io")).json).toEqual({ items: [], continuationToken: null });
  });

  test("a damaged record is told in the list and hides no other", async () => {
    const { insert, list, purge } = runtime();
    await insert({}, 1);
    await insert({}, 2);
    Object.assign(purge.runs.row(`r~${runId(2)}`) ?? {}, { countsJson: "{}" });
    expect((await list()).json.items).toMatchObject([
      { id: runId(2), registry: REGISTRY, damaged: true },
      { id: runId(1), state: "planned" },
    ]);
  });

  test.each([
    "?registry=x",
    "?registry=",
    "?limit=0",
    "?state=done",
    "?continuationToken=x",
    `?continuationToken=${token("{}")}`,
    `?continuationToken=${token('["x","y"]')}`,
    `?continuationToken=${token(JSON.stringify([REGISTRY, "lock"]))}`,
    `?continuationToken=${token(JSON.stringify(["' or true", runId(1)]))}`,
  ])("list %s is refused", async (query) => {
    expect((await runtime().list(query)).json.code).toBe("INVALID_REQUEST");
  });

  test.each(["x", "lock", `${runId(1)}'`, "../x", `r~${runId(1)}`])("%j is no run id", async (id) => {
    const { call, items, purge } = runtime("Latchkey.Admin");
    expect((await call("purge-runs-get", { params: { id } })).json.code).toBe("INVALID_REQUEST");
    expect((await call("purge-runs-cancel", { method: "POST", params: { id } })).json.code).toBe("INVALID_REQUEST");
    expect((await items("", id)).json.code).toBe("INVALID_REQUEST");
    expect(purge.runs.calls).toEqual([]);
  });
});

describe("items", () => {
  const filled = async () => {
    const made = runtime();
    await made.lines.write(PLAN_BLOB, [
      planLine({ repository: "a" }),
      planLine({ repository: "b", action: "keep", reason: "young" }),
      planLine({ repository: "c" }),
    ]);
    await made.lines.write(REPORT_BLOB, [
      reportLine({ repository: "a" }),
      reportLine({ repository: "c", outcome: "failed" }),
    ]);
    return made;
  };
  const of = (json: Readonly<Record<string, unknown>>) => [json.items].flat().map((item) => Object(item).repository);

  test("the report where there is one, else the plan; each by its name", async () => {
    const { insert, items } = await filled();
    await insert({ planBlob: PLAN_BLOB });
    expect(of((await items()).json)).toEqual(["a", "b", "c"]);
    await insert({ planBlob: PLAN_BLOB, reportBlob: REPORT_BLOB, kind: "purge", state: "partial" }, 2);
    expect(of((await items("", runId(2))).json)).toEqual(["a", "c"]);
    expect(of((await items("?view=plan&action=keep", runId(2))).json)).toEqual(["b"]);
    expect(of((await items("?outcome=failed", runId(2))).json)).toEqual(["c"]);
    expect((await items("?view=plan", runId(2))).body).not.toContain("seen");
  });

  test("what is not made yet is 404; the plan can be read while it is applied", async () => {
    const { insert, items } = await filled();
    await insert({ state: "planning" });
    expect((await items()).json.code).toBe("NOT_FOUND");
    await insert({ kind: "purge", state: "applying", planBlob: PLAN_BLOB }, 2);
    expect((await items("?view=plan", runId(2))).status).toBe(200);
    expect((await items("?view=report", runId(2))).json.code).toBe("NOT_FOUND");
    expect((await items("", runId(3))).json.code).toBe("NOT_FOUND");
  });

  test("pages as JSON and as CSV: the same items, the header once, the token in headers", async () => {
    const { insert, items } = await filled();
    await insert({ planBlob: PLAN_BLOB });
    const first = await items("?limit=2");
    expect(of((await items(`?limit=2&continuationToken=${first.json.continuationToken}`)).json)).toEqual(["c"]);
    const csv = await items("?limit=2&format=csv&action=delete");
    expect(csv.headers).toMatchObject({
      "content-type": "text/csv",
      "content-disposition": `attachment; filename="${runId(1)}-plan.csv"`,
    });
    expect(csv.body.split("\r\n").map((line) => line.split(",")[0])).toEqual(["repository", "a", "c", ""]);
    expect(csv.headers).not.toHaveProperty("link");
    const part = await items("?limit=1&format=csv&action=delete");
    const next = new RegExp(`^</api/purge-runs/${runId(1)}/items(\\?[^>]+)>; rel="next"$`).exec(
      part.headers.link ?? "",
    );
    expect(new URLSearchParams(next?.[1]).get("continuationToken")).toBe(part.headers["x-continuation-token"]);
    const rest = await items(next?.[1]);
    expect(rest.body.split("\r\n").map((line) => line.split(",")[0])).toEqual(["c", ""]);
    expect(rest.headers).not.toHaveProperty("x-continuation-token");
  });

  test.each([
    "?limit=1001",
    "?view=all",
    "?action=purge",
    "?reason=x",
    "?rule=",
    "?repository=A",
    "?repository=../x",
    "?outcome=done",
    "?view=plan&outcome=failed",
    "?outcome=failed",
    "?format=xml",
    "?continuationToken=x",
    `?continuationToken=${token(`plan ${runId(2)} 0`)}`,
    `?continuationToken=${token(`plan ${runId(1)} -1`)}`,
    `?continuationToken=${token(`plan ${runId(1)} 1e3`)}`,
    `?continuationToken=${token(`../x ${runId(1)} 1`)}`,
    `?view=report&continuationToken=${token(`plan ${runId(1)} 1`)}`,
  ])("items %s is refused", async (query) => {
    const { insert, items } = await filled();
    await insert({ planBlob: PLAN_BLOB });
    expect((await items(query)).json.code).toBe("INVALID_REQUEST");
  });
});

describe("cancel", () => {
  test("on record and on the run; once more, and after the end, it is answered as it is", async () => {
    const { call, insert, audited, runs } = runtime("Latchkey.Admin");
    await insert({ kind: "purge", state: "applying" });
    const cancel = () => call("purge-runs-cancel", { method: "POST", params: { id: runId(1) } });
    for (let times = 0; times < 2; times++) {
      const { status, json } = await cancel();
      expect([status, json.cancelRequested, json.state]).toEqual([200, true, "applying"]);
    }
    expect(audited.map(({ event }) => event)).toEqual(["purge.cancel-requested"]);
    const found = await runs.find(runId(1));
    if (found === null) throw new Error("the run is gone");
    await runs.replace({ ...found.run, state: "cancelled" }, found.etag);
    expect((await cancel()).json).toMatchObject({ state: "cancelled", links: { cancel: null } });
  });
});

test.each<[Role, number, number]>([
  ["Latchkey.Admin", 200, 200],
  ["Latchkey.Auditor", 200, 403],
  ["Latchkey.Approver", 403, 403],
  ["Latchkey.User", 403, 403],
])("%s reads: %d, cancels: %d", async (role, reads, cancels) => {
  const { call, insert, list, items, lines } = runtime(role);
  await lines.write(PLAN_BLOB, [planLine()]);
  await insert({ planBlob: PLAN_BLOB });
  const id = runId(1);
  expect((await list()).status).toBe(reads);
  expect((await call("purge-runs-get", { params: { id } })).status).toBe(reads);
  expect((await items()).status).toBe(reads);
  expect((await call("purge-runs-cancel", { method: "POST", params: { id } })).status).toBe(cancels);
});

/** As a list would give it. */
function token(key: string): string {
  return Buffer.from(key).toString("base64url");
}
