/** What a purge is measured on: how many images, how slow and how narrow the registry is; and how it is run. Used by purge-requests.ts, purge-bucket.ts and their child. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { z } from "zod";

/** One measurement. */
export const scenarioSchema = z.strictObject({
  /** Images that all go, in so many repositories. */
  images: z.int(),
  repositories: z.int(),
  /** Of every answer of the registry. */
  latencyMs: z.int(),
  /** Deletes a minute, as a bucket of that size; null: no limit. */
  deletesAMinute: z.int().nullable(),
  retryAfter: z.enum(["dynamic", "none", "nextMinute"]),
  /** Afterwards as many images are deleted by a client that does nothing else. */
  isCompared: z.boolean(),
});
/** See scenarioSchema. */
export type Scenario = z.output<typeof scenarioSchema>;

const countSchema = z.object({ category: z.string(), status: z.int(), count: z.int() });
/** What came of it; times in seconds. */
export const outcomeSchema = z.object({
  state: z.string(),
  deleted: z.int(),
  failed: z.int(),
  plan: z.number(),
  apply: z.number(),
  whole: z.number(),
  slices: z.int(),
  /** Requests that the registry answered: by category and status. */
  requests: z.array(countSchema),
  /** Of the process of the product; null: not measured. */
  cpuSeconds: z.number().nullable(),
  /** Seconds of the deletes of the client that does nothing else; null: not compared. */
  bare: z.number().nullable(),
});
/** See outcomeSchema. */
export type Outcome = z.output<typeof outcomeSchema>;

/** Everything is old enough. */
export const ALL_GO = {
  rules: [{ name: "all", action: "delete", repositories: "bench/.*", tags: ".*", untagged: true, olderThan: "1d" }],
  limits: { maxItems: 50_000 },
};

/** Name of the nth repository. */
export function repositoryOf(nth: number): string {
  return `bench/app-${nth}`;
}

/** Fills a local registry and makes it slow and narrow. @param controlUrl of the local Azure */
export async function prepareRegistry(controlUrl: string, loginServer: string, scenario: Scenario): Promise<void> {
  const { images, repositories, latencyMs, deletesAMinute, retryAfter } = scenario;
  for (let nth = 0; nth < repositories; nth++) {
    const [from = 0, to = 0] = [nth, nth + 1].map((place) => Math.round((place * images) / repositories));
    await fill(controlUrl, loginServer, repositoryOf(nth), to - from);
  }
  const bucket = { perMinute: deletesAMinute ?? 1, capacity: deletesAMinute ?? 1 };
  const limits = deletesAMinute === null ? null : { identity: { delete: bucket } };
  await control(controlUrl, "PATCH", "/registry", { limits, retryAfter });
  if (latencyMs > 0) await control(controlUrl, "POST", "/faults", { service: "registry", latencyMs });
  await control(controlUrl, "DELETE", "/registry/requests");
}

/** Puts old images into a repository: no two of the same time. */
export async function fill(controlUrl: string, loginServer: string, repository: string, count: number): Promise<void> {
  const ages = { ageSeconds: 30 * 86_400, stepSeconds: 60 };
  await control(controlUrl, "POST", "/registry/images", { loginServer, repository, count, ...ages });
}

/** Requests since prepareRegistry. */
export async function countRequests(controlUrl: string): Promise<Outcome["requests"]> {
  const { items } = z
    .object({ items: z.array(countSchema) })
    .parse(await control(controlUrl, "GET", "/registry/requests"));
  return items;
}

/** Of a list of counts. */
export function sumOf(counts: readonly { readonly count: number }[]): number {
  return counts.reduce((sum, { count }) => sum + count, 0);
}

/** Runs the steps of a purge in a process of its own, against a registry in another. @throws Error when it fails */
export async function measureSteps(scenario: Scenario): Promise<Outcome> {
  const child = fork(fileURLToPath(new URL("./purge-child.ts", import.meta.url)), [JSON.stringify(scenario)]);
  const ended = once(child, "exit");
  const answered = once(child, "message");
  const answer = await Promise.race([answered.then(([message]) => outcomeSchema.parse(message)), ended]);
  await ended;
  if (!("state" in answer)) throw new Error("The measurement broke off.");
  return answer;
}

async function control(controlUrl: string, method: string, path: string, body?: object): Promise<unknown> {
  const json =
    body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
  const response = await fetch(`${controlUrl}${path}`, { method, ...json });
  const text = await response.text();
  if (!response.ok) throw new Error(`The control endpoint refused: ${text}`);
  return text === "" ? null : JSON.parse(text);
}
