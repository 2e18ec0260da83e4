/** HTTP routes of purge runs: list, look, read what a plan or a report says of each image, cancel. */
import { z } from "zod";
import { InputError, NotFoundError } from "../shared/errors.ts";
import { RUN_ID } from "../shared/ids.ts";
import { type CancelDeps, cancelRun, findRun } from "../shared/purge/cancel.ts";
import {
  OUTCOMES,
  PLAN_ACTIONS,
  PLAN_REASONS,
  reportLineSchema,
  unreadRepositorySchema,
} from "../shared/purge/plan-line.ts";
import type { DamagedRun, LinesStore, PurgeRunStore } from "../shared/purge/ports.ts";
import { damagedItemSchema, planItemSchema, readItems } from "../shared/purge/read-items.ts";
import type { PurgeRun } from "../shared/purge/run.ts";
import { repositoryNameSchema } from "../shared/scope.ts";
import { keyOfToken, listQuerySchema, listSchema, pageOf, tokenOf } from "./lists.ts";
import { itemsAsCsv } from "./purge-csv.ts";
import { loginServerSchema } from "./purge-policies.ts";
import { damagedRunSchema, runItem, runPath, runView, runViewSchema } from "./purge-view.ts";
import { drivingRoute, nothing, type Route, route } from "./route.ts";

/** Most items on one page. */
const MAX_ITEMS = 1_000;
const VIEWS = ["plan", "report"] as const;
type View = (typeof VIEWS)[number];

const runIdSchema = z.string().regex(RUN_ID, "expected a run id");
const paramsSchema = z.strictObject({ id: runIdSchema });
/** Where a page of runs ended, as JSON. */
const placeSchema = z.tuple([loginServerSchema, runIdSchema]);
const placeTextSchema = z.string().refine((text) => readPlace(text) !== null);
/** Where a page of items ended: view, run, place in bytes. */
const ITEM_PLACE = /^(plan|report) (\d{13}-[a-z2-7]{6}) (\d{1,15})$/;
const itemPlaceSchema = z.string().regex(ITEM_PLACE);
const itemsQuerySchema = listQuerySchema.extend({
  limit: z.coerce.number().int().min(1).max(MAX_ITEMS).default(100),
  view: z.enum(VIEWS).nullable().default(null).describe("left out: the report where there is one, else the plan"),
  action: z.enum(PLAN_ACTIONS).nullable().default(null),
  reason: z.enum(PLAN_REASONS).nullable().default(null),
  rule: z.string().min(1).max(63).nullable().default(null).describe("items that this rule decided"),
  repository: repositoryNameSchema.nullable().default(null),
  outcome: z.enum(OUTCOMES).nullable().default(null).describe("of a report alone"),
  format: z.enum(["json", "csv"]).default("json"),
});
const itemSchema = z.union([reportLineSchema, planItemSchema, unreadRepositorySchema, damagedItemSchema]);

/** What these routes need. */
export type PurgeRunRoutesDeps = Omit<CancelDeps, "driveRun" | "runs"> & {
  readonly runs: Pick<PurgeRunStore, "find" | "replace" | "list">;
  readonly lines: Pick<LinesStore, "read">;
};

/** Runs of all registries, newest first in each. */
export function purgeRunRoutes(deps: PurgeRunRoutesDeps): Route[] {
  return [
    route({
      name: "purge-runs-list",
      method: "GET",
      path: "purge-runs",
      access: ["Latchkey.Admin", "Latchkey.Auditor"],
      summary: "List plans and purges, of one registry or of all in order, the newest of each first",
      params: nothing,
      query: listQuerySchema.extend({ registry: loginServerSchema.nullable().default(null) }),
      body: null,
      answer: {
        status: 200,
        description: "One page",
        schema: listSchema(z.union([runViewSchema, damagedRunSchema])),
      },
      handle: async ({ query: { registry: loginServer, ...query } }) => {
        const keyOf = (run: PurgeRun | DamagedRun) => JSON.stringify([run.loginServer, run.id]);
        const read = (key: string | null, limit: number) =>
          deps.runs.list({ loginServer, after: key === null ? null : readPlace(key), limit });
        const page = await pageOf(query, keyOf, placeTextSchema, read);
        return { status: 200, body: { ...page, items: page.items.map(runItem) } };
      },
    }),
    route({
      name: "purge-runs-get",
      method: "GET",
      path: "purge-runs/{id}",
      access: ["Latchkey.Admin", "Latchkey.Auditor"],
      summary: "Look at a plan or a purge: how far it is, what it counted",
      params: paramsSchema,
      query: nothing,
      body: null,
      answer: { status: 200, description: "The run", schema: runViewSchema },
      handle: async ({ params }) => {
        const { run, etag } = await findRun(deps.runs, params.id);
        return { status: 200, headers: { etag }, body: runView(run) };
      },
    }),
    route({
      name: "purge-runs-items",
      method: "GET",
      path: "purge-runs/{id}/items",
      access: ["Latchkey.Admin", "Latchkey.Auditor"],
      summary: "Read what the plan or the report of a run says of each image, filtered, as JSON or CSV",
      params: paramsSchema,
      query: itemsQuerySchema,
      body: null,
      answer: {
        status: 200,
        description:
          "One page. It can hold fewer items than asked for, or none, and a token all the same: the end is where no token is. CSV has the names of its columns on the first page alone, and the token in the headers x-continuation-token and link. The plan can be read from when it is made, the report from when the run has ended; before that 404.",
        schema: listSchema(itemSchema),
        textType: "text/csv",
      },
      handle: async ({ params, query: { limit, continuationToken, view: asked, format, ...filter } }) => {
        const { run } = await findRun(deps.runs, params.id);
        const place = continuationToken === null ? null : itemPlaceOf(continuationToken, run.id, asked);
        const view = place?.view ?? asked ?? (run.reportBlob === null ? "plan" : "report");
        if (view === "plan" && filter.outcome !== null) throw noOutcomes();
        const blob = view === "plan" ? run.planBlob : run.reportBlob;
        if (blob === null) throw notYet(view, run);
        const { items, next } = await readItems(deps.lines, { blob, view }, filter, place?.from ?? 0, limit);
        const token = next === null ? null : tokenOf(`${view} ${run.id} ${next}`);
        if (format === "json") return { status: 200, body: { items, continuationToken: token } };
        const headers = { "content-disposition": `attachment; filename="${run.id}-${view}.csv"` };
        if (token === null) return { status: 200, text: itemsAsCsv(items, view, place === null), headers };
        const given = Object.entries({ view, ...filter, limit, format, continuationToken: token });
        const pairs = given.flatMap(([name, value]): [string, string][] =>
          value === null ? [] : [[name, String(value)]],
        );
        const link = `<${runPath(run.id)}/items?${new URLSearchParams(pairs)}>; rel="next"`;
        const text = itemsAsCsv(items, view, place === null);
        return { status: 200, text, headers: { ...headers, link, "x-continuation-token": token } };
      },
    }),
    drivingRoute({
      name: "purge-runs-cancel",
      method: "POST",
      path: "purge-runs/{id}/cancel",
      access: ["Latchkey.Admin"],
      summary:
        "Ask a run to stop: what it has begun it finishes, the rest stays. One that has ended is answered as it is",
      params: paramsSchema,
      query: nothing,
      body: null,
      answer: { status: 200, description: "The run; it ends within one slice of work", schema: runViewSchema },
      handle: async ({ params, caller: by, rule, correlationId, drive }) => {
        const cancelling = { ...deps, driveRun: drive };
        const { run, etag } = await cancelRun(cancelling, params.id, { by, rule, correlationId });
        return { status: 200, headers: { etag }, body: runView(run) };
      },
    }),
  ];
}

function readPlace(text: string): { loginServer: string; runId: string } | null {
  try {
    const [loginServer, runId] = placeSchema.parse(JSON.parse(text));
    return { loginServer, runId };
  } catch {
    return null;
  }
}

/** @throws InputError INVALID_REQUEST for a token of another run or view */
function itemPlaceOf(token: string, runId: string, asked: View | null): { view: View; from: number } {
  const [, view, run, from] = ITEM_PLACE.exec(keyOfToken(token, itemPlaceSchema)) ?? [];
  if (run === runId && (view === "plan" || view === "report") && (asked === null || asked === view)) {
    return { view, from: Number(from) };
  }
  throw new InputError("INVALID_REQUEST", "The continuationToken is that of another list. Start without it.", {
    problems: [{ path: "/continuationToken", expected: "a token of this list" }],
  });
}

function noOutcomes(): InputError {
  return new InputError("INVALID_REQUEST", "A plan has no outcomes. Ask for view=report, or leave outcome out.", {
    problems: [{ path: "/outcome", expected: "only with view=report" }],
  });
}

function notYet(view: View, { state }: PurgeRun): NotFoundError {
  return new NotFoundError("NOT_FOUND", `This run has no ${view} to read: it is ${state}.`);
}
