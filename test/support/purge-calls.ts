/** Calls of the purge over HTTP, and what tests put into registries for it. For e2e tests. */
import { setTimeout as wait } from "node:timers/promises";
import { expect } from "vitest";
import type { PlanLine } from "../../shared/purge/plan-line.ts";
import type { Api } from "./api.ts";
import { registerContainers } from "./containers.ts";
import { REGISTRY } from "./registry-requests.ts";
import type { System } from "./system.ts";

/** Seconds of a day. */
export const DAY = 86_400;

/** A run as the API shows it, as far as tests look into it. */
export type RunBody = {
  readonly id: string;
  readonly registry: string;
  readonly policy: string;
  readonly kind: string;
  readonly state: string;
  readonly code: string | null;
  readonly warnings: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
  readonly bytesToFree: number;
  readonly bytesFreed: number;
  readonly slot: string | null;
  readonly planId: string | null;
  readonly startedBy: string;
  readonly cancelRequested: boolean;
  readonly links: Readonly<Record<"self" | "plan" | "report" | "cancel", string | null>>;
};

/** A rule that deletes what is older than a week. @param repositories pattern of their names */
export const deleteOld = (repositories: string, changes: object = {}) => ({
  ...{ name: "old", action: "delete", repositories, tags: ".*", untagged: true, olderThan: "7d" },
  ...changes,
});

/** A connector that may delete in the demo registry. */
export const registerKeeper = (system: System, api: Api, name = "keeper") =>
  registerContainers(system, api, name, "registry-keeper");

/** What the local registries are made to hold, and when. */
export function createRegistryControl({ controlUrl }: Pick<System, "controlUrl">) {
  const send = async (method: string, path: string, body: unknown) => {
    const headers = { "content-type": "application/json" };
    const answer = await fetch(`${controlUrl}/registry${path}`, { method, headers, body: JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`the control endpoint refused: ${text}`);
    return text;
  };
  return {
    /** Small images with the tags v0, v1, and so on; the last is `ageSeconds` old, each one before `stepSeconds` more. */
    fill: (repository: string, count: number, more: object = {}) =>
      send("POST", "/images", { loginServer: REGISTRY, repository, count, ...more }),
    setAge: (repository: string, which: object, ageSeconds: number) =>
      send("POST", "/times", { loginServer: REGISTRY, repository, ...which, ageSeconds }),
    configure: (settings: object) => send("PATCH", "", settings),
  };
}

/** Path of the policies of a registry. */
export const policiesOf = (loginServer: string) => `registries/${loginServer}/purge-policies`;
/** Path of the policies of the demo registry. */
export const POLICIES = policiesOf(REGISTRY);

/** Puts a policy that is not there yet. */
export async function putPolicy(api: Api, name: string, policy: object, policies = POLICIES): Promise<void> {
  const answer = await api.create(`${policies}/${name}`, { connector: "keeper", ...policy });
  expect(answer.status, answer.text).toBe(200);
}

/** Starts a plan, or a run of a stored or a new plan. @returns its id */
export async function startRun(
  api: Api,
  policy: string,
  what: "plan" | "runs",
  { planId = null, policies = POLICIES }: { planId?: string | null; policies?: string } = {},
): Promise<string> {
  const options = what === "plan" ? {} : { body: { planId } };
  const started = await api.call<RunBody>("POST", `${policies}/${policy}/${what}`, options);
  expect(started.status, started.text).toBe(202);
  return started.body.id;
}

/** As startRun, and waits for its end. */
export async function runToEnd(...how: Parameters<typeof startRun>): Promise<RunBody> {
  return endOf(how[0], await startRun(...how));
}

/** Waits for the end of a run; in hooks as well, where Vitest does not poll. */
export async function endOf(api: Api, id: string, timeoutMs = 110_000): Promise<RunBody> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    const { status, body, text } = await api.call<RunBody>("GET", `purge-runs/${id}`);
    if (status === 200 && !/^(queued|planning|applying)$/.test(body.state)) return body;
    if (performance.now() > until) throw new Error(`the run does not end: ${text}`);
    await wait(100);
  }
}

/** All items of a run that a filter lets through. */
export async function itemsOf(
  api: Api,
  id: string,
  filter = "",
): Promise<readonly (PlanLine & { outcome?: string })[]> {
  const items: (PlanLine & { outcome?: string })[] = [];
  let token: string | null = null;
  do {
    const next: string = token === null ? "" : `&continuationToken=${encodeURIComponent(token)}`;
    type Page = { items: (PlanLine & { outcome?: string })[]; continuationToken: string | null };
    const answer = await api.call<Page>("GET", `purge-runs/${id}/items?limit=500${filter}${next}`);
    expect(answer.status, answer.text).toBe(200);
    items.push(...answer.body.items);
    token = answer.body.continuationToken;
  } while (token !== null);
  return items;
}
