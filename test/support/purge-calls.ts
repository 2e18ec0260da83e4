/** Calls of the purge over HTTP, and what tests put into registries for it. For e2e tests. */
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
  readonly bytesFreed: number;
};

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

/** Path of the policies of the demo registry. */
export const POLICIES = `registries/${REGISTRY}/purge-policies`;

/** Puts a policy that is not there yet. */
export async function putPolicy(api: Api, name: string, policy: object): Promise<void> {
  const answer = await api.create(`${POLICIES}/${name}`, { connector: "keeper", ...policy });
  expect([200, 201], answer.text).toContain(answer.status);
}

/** Starts a plan or a run and waits for its end. */
export async function runToEnd(api: Api, policy: string, what: "plan" | "runs", body?: object): Promise<RunBody> {
  const options = what === "plan" ? {} : { body: body ?? { planId: null } };
  const started = await api.call<RunBody>("POST", `${POLICIES}/${policy}/${what}`, options);
  expect(started.status, started.text).toBe(202);
  return endOf(api, started.body.id);
}

/** Waits for the end of a run. */
export async function endOf(api: Api, id: string, timeout = 120_000): Promise<RunBody> {
  const look = async () => (await api.call<RunBody>("GET", `purge-runs/${id}`)).body;
  await expect
    .poll(async () => (await look())?.state, { timeout, interval: 200 })
    .not.toMatch(/^(queued|planning|applying)$/);
  return look();
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
