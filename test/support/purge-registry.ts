/** A local registry as the tests of the purge see it: what they push, lock and age there, and what is there before and after a run. For e2e tests. */
import { randomBytes } from "node:crypto";
import { expect } from "vitest";
import type { Api } from "./api.ts";
import { itemsOf, type RunBody, runToEnd } from "./purge-calls.ts";
import { type RawAnswer, rawRequest } from "./raw-request.ts";
import { digestOf, IMAGE, INDEX } from "./registry-images.ts";
import { REGISTRY, REGISTRY_SCOPE } from "./registry-requests.ts";
import type { StateRow } from "./state-account.ts";
import type { System } from "./system.ts";

const EMPTY = "application/vnd.oci.empty.v1+json";
const LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";
/** Tags of a manifest that a signature tool would name. */
export const signatureTag = (digest: string, suffix = ".sig") => digest.replace(":", "-") + suffix;

/** `repository@digest` of each manifest and `repository:tag` of each tag. */
export type Listing = { readonly manifests: ReadonlySet<string>; readonly tags: ReadonlyMap<string, string> };
/** What a manifest names besides its own. */
export type ImageParts = {
  /** Digests of layers that are there already. */
  readonly layers?: readonly string[];
  readonly subject?: string;
  readonly size?: number;
};
/** What was pushed. */
export type Pushed = {
  readonly digest: string;
  readonly layer: string;
  /** Bytes that nothing else holds: its configuration and its own layer. */
  readonly ownBytes: number;
};

/** Speaks to a registry as its keeper. */
export function openPurgeRegistry(system: System, api: Api, host = REGISTRY, isAbac = false) {
  const tokens = new Map<string, Promise<string>>();
  const form = async (path: string, fields: Record<string, string>): Promise<Record<string, string>> => {
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const body = new URLSearchParams({ service: host, ...fields }).toString();
    const answer = await rawRequest(system, { method: "POST", url: `https://${host}${path}`, headers, body });
    if (answer.status !== 200) throw new Error(`no token: ${answer.status} ${answer.body}`);
    return JSON.parse(answer.body);
  };
  const signIn = async (scope: string): Promise<string> => {
    const access_token = await api.tokenOf("registry-keeper", REGISTRY_SCOPE);
    const { refresh_token = "" } = await form("/oauth2/exchange", { grant_type: "access_token", access_token });
    return (await form("/oauth2/token", { grant_type: "refresh_token", refresh_token, scope })).access_token ?? "";
  };
  // In ABAC mode no token holds more than the repositories that it names.
  const tokenFor = (repository: string): Promise<string> => {
    const scope = `repository:${isAbac ? repository : "*"}:pull,push,delete,metadata_read,metadata_write`;
    const token = tokens.get(scope) ?? signIn(scope);
    tokens.set(scope, token);
    return token;
  };
  const send = async (
    repository: string,
    method: string,
    path: string,
    options: { readonly headers?: Record<string, string>; readonly body?: string } = {},
  ): Promise<RawAnswer> => {
    const headers = { authorization: `Bearer ${await tokenFor(repository)}`, ...options.headers };
    const url = `https://${host}${path}`;
    return rawRequest(system, { method, url, headers, ...(options.body !== undefined && { body: options.body }) });
  };

  const putBlob = async (repository: string, content: string): Promise<string> => {
    const path = `/v2/${repository}/blobs/uploads/?digest=${digestOf(content)}`;
    const answer = await send(repository, "POST", path, { body: content });
    expect(answer.status, answer.body).toBe(201);
    return digestOf(content);
  };
  const putManifest = async (repository: string, tag: string | null, type: string, manifest: object) => {
    const body = JSON.stringify({ schemaVersion: 2, mediaType: type, ...manifest });
    const digest = digestOf(body);
    const path = `/v2/${repository}/manifests/${tag ?? digest}`;
    const answer = await send(repository, "PUT", path, { headers: { "content-type": type }, body });
    expect(answer.status, answer.body).toBe(201);
    return digest;
  };

  const setAttributes = async (repository: string, what: string, attributes: object): Promise<void> => {
    const headers = { "content-type": "application/json" };
    const path = `/acr/v1/${repository}${what === "" ? "" : `/${what}`}`;
    const answer = await send(repository, "PATCH", path, { headers, body: JSON.stringify(attributes) });
    expect(answer.status, answer.body).toBe(200);
  };

  const control = async (path: string, body: object): Promise<void> => {
    const init = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
    const answer = await fetch(`${system.controlUrl}/registry${path}`, init);
    if (!answer.ok) throw new Error(`the control endpoint refused: ${await answer.text()}`);
  };
  const pageOf = async (repository: string, list: "_tags" | "_manifests", last: string) => {
    const after = last === "" ? "" : `&last=${encodeURIComponent(last)}`;
    const answer = await send(repository, "GET", `/acr/v1/${repository}/${list}?n=1000${after}`);
    if (answer.status === 404) return [];
    expect(answer.status, answer.body).toBe(200);
    type Item = { digest: string; name: string };
    const body: { tags?: Item[] | null; manifests?: Item[] | null } = JSON.parse(answer.body);
    return (list === "_tags" ? body.tags : body.manifests) ?? [];
  };
  const all = async (repository: string, list: "_tags" | "_manifests") => {
    const items: { digest: string; name: string }[] = [];
    for (let last = ""; ; ) {
      const page = await pageOf(repository, list, last);
      items.push(...page);
      const end = page.at(-1);
      if (end === undefined || page.length < 1000) return items;
      last = list === "_tags" ? end.name : end.digest;
    }
  };

  return {
    send,
    /** An image with a layer of its own. @param tag null for none */
    async push(repository: string, tag: string | null, { layers = [], subject, size = 100 }: ImageParts = {}) {
      const [config, content] = [randomBytes(10).toString("hex"), randomBytes(size).toString("hex")];
      const layer = await putBlob(repository, content);
      const blobs = [...layers.map((digest) => ({ digest, size: 200 })), { digest: layer, size: content.length }];
      const digest = await putManifest(repository, tag, IMAGE, {
        config: { mediaType: EMPTY, digest: await putBlob(repository, config), size: config.length },
        layers: blobs.map((one) => ({ mediaType: LAYER, ...one })),
        ...(subject !== undefined && { subject: { mediaType: IMAGE, digest: subject, size: 2 } }),
      });
      return { digest, layer, ownBytes: config.length + content.length } satisfies Pushed;
    },
    /** An index of manifests that are there. */
    pushIndex: (repository: string, tag: string | null, children: readonly string[]) =>
      putManifest(repository, tag, INDEX, {
        manifests: children.map((digest) => ({ mediaType: IMAGE, digest, size: 2 })),
        annotations: { nonce: randomBytes(8).toString("hex") },
      }),
    /** Another tag for a manifest that is there. */
    async tag(repository: string, digest: string, tag: string): Promise<void> {
      const headers = { accept: `${IMAGE}, ${INDEX}` };
      const found = await send(repository, "GET", `/v2/${repository}/manifests/${digest}`, { headers });
      const type = found.headers["content-type"] ?? "";
      const again = { headers: { "content-type": type }, body: found.body };
      expect((await send(repository, "PUT", `/v2/${repository}/manifests/${tag}`, again)).status).toBe(201);
    },
    /** @param what `_tags/NAME` or `_manifests/DIGEST`; empty for the repository itself */
    lock: (repository: string, what: string) =>
      setAttributes(repository, what, { deleteEnabled: false, writeEnabled: false }),
    /** Takes it out of lists. @param what as of `lock` */
    hide: (repository: string, what: string) => setAttributes(repository, what, { listEnabled: false }),
    /** As if everything in it had been pushed so many seconds ago. */
    age: (repository: string, ageSeconds: number) =>
      control("/times", { loginServer: host, repository, all: true, ageSeconds }),
    /** As RegistryControl.fill of purge-calls.ts. */
    fill: (repository: string, count: number, more: object = {}) =>
      control("/images", { loginServer: host, repository, count, ...more }),
    /** What is there now. */
    async list(...repositories: readonly string[]): Promise<Listing> {
      const manifests = new Set<string>();
      const tags = new Map<string, string>();
      for (const repository of repositories) {
        for (const { digest } of await all(repository, "_manifests")) manifests.add(`${repository}@${digest}`);
        for (const { name, digest } of await all(repository, "_tags")) tags.set(`${repository}:${name}`, digest);
      }
      return { manifests, tags };
    },
    /** Pulls the image with all that it names: what is missing of it. */
    async missingOf(repository: string, reference: string): Promise<readonly string[]> {
      const missing: string[] = [];
      const pull = async (name: string): Promise<void> => {
        const headers = { accept: `${IMAGE}, ${INDEX}` };
        const found = await send(repository, "GET", `/v2/${repository}/manifests/${name}`, { headers });
        if (found.status !== 200) return void missing.push(name);
        type Named = { digest: string };
        const body: { config?: Named; layers?: Named[]; manifests?: Named[] } = JSON.parse(found.body);
        for (const { digest } of body.manifests ?? []) await pull(digest);
        for (const { digest } of [...(body.config ? [body.config] : []), ...(body.layers ?? [])]) {
          const blob = await send(repository, "HEAD", `/v2/${repository}/blobs/${digest}`);
          if (blob.status !== 200) missing.push(digest);
        }
      };
      await pull(reference);
      return missing;
    },
  };
}
/** See openPurgeRegistry. */
export type PurgeRegistry = ReturnType<typeof openPurgeRegistry>;

/** A line of a report, as far as tests look into it. */
type Reported = {
  readonly repository: string;
  readonly digest: string;
  readonly tags: readonly string[];
  readonly action: string;
  readonly outcome?: string;
  readonly freedBytes: number;
};

/**
 * The report and the counts of a run say exactly what the registry lost, each thing once.
 * @param report all its lines
 */
export function expectTrueTotals(run: RunBody, report: readonly Reported[], before: Listing, after: Listing): void {
  const deleted = report.filter(({ outcome }) => outcome === "deleted");
  const untagged = report.filter(({ outcome }) => outcome === "untagged");
  const lostManifests = [...before.manifests].filter((name) => !after.manifests.has(name));
  const lostTags = [...before.tags.keys()].filter((name) => !after.tags.has(name));
  expect(deleted.map(({ repository, digest }) => `${repository}@${digest}`).sort()).toEqual(lostManifests.sort());
  const told = [...deleted, ...untagged].flatMap(({ repository, tags }) => tags.map((tag) => `${repository}:${tag}`));
  expect(told.sort()).toEqual(lostTags.sort());
  const outcomes = (name: string) => report.filter(({ outcome }) => outcome === name).length;
  expect(run.counts).toMatchObject({
    deletedManifests: lostManifests.length,
    deletedTags: lostTags.length,
    changed: outcomes("changed"),
    protected: outcomes("protected"),
    gone: outcomes("gone"),
    failed: outcomes("failed"),
  });
  expect(run.bytesFreed).toBe(deleted.reduce((sum, { freedBytes }) => sum + freedBytes, 0));
}

/**
 * Runs a policy and checks that its totals are true.
 * @param repositories all that it may touch
 */
export async function purgeTruly(
  api: Api,
  registry: PurgeRegistry,
  policy: string,
  {
    repositories = [policy],
    ...how
  }: { repositories?: readonly string[]; planId?: string | null; policies?: string } = {},
) {
  const before = await registry.list(...repositories);
  const run = await runToEnd(api, policy, "runs", how);
  const report = run.links.report === null ? [] : await itemsOf(api, run.id, "&view=report");
  expectTrueTotals(run, report, before, await registry.list(...repositories));
  return { run, report };
}

/** What the audit trail says that a run deleted: `repository@digest` and, for tags alone, `repository@digest untag`. */
export function auditedDeletions(rows: readonly StateRow[], runId: string): readonly string[] {
  return rows
    .filter(({ event }) => event === "purge.deleted")
    .map(({ detailJson }) => JSON.parse(String(detailJson)))
    .filter((detail) => detail.runId === runId)
    .map(({ repository, digest, action }) => `${repository}@${digest}${action === "untag" ? " untag" : ""}`);
}

/** What must stand in the trail of that report. */
export function reportedDeletions(report: readonly Reported[]): readonly string[] {
  return report
    .filter(({ outcome }) => outcome === "deleted" || outcome === "untagged")
    .map(({ repository, digest, action }) => `${repository}@${digest}${action === "untag" ? " untag" : ""}`);
}
