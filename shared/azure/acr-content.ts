/** The content of registries: lists, bodies, deletes, locks. Implements OpenRegistryContent. */
import type { HttpClient } from "@azure/core-rest-pipeline";
import { createBudget } from "../purge/budget/budget.ts";
import type { LaneClock } from "../purge/budget/lane.ts";
import type { MayStillSend } from "../purge/may-still-send.ts";
import type { OpenRegistryContent } from "../purge/ports.ts";
import { repositoryNameSchema } from "../scope.ts";
import { type ContentNeed, createContentTokens } from "./acr-access.ts";
import { createCallContent } from "./acr-calls.ts";
import { CALLS_PER_MINUTE } from "./acr-limits.ts";
import { createListContent, type ReadPage } from "./acr-lists.ts";
import { MANIFEST_TYPES, readManifestBody } from "./acr-manifest.ts";
import {
  digestSchema,
  type LockFlags,
  readLocks,
  readManifests,
  readNames,
  readReferrers,
  readRepository,
  readTags,
  tagSchema,
} from "./acr-pages.ts";
import { openTransport } from "./acr-transport.ts";
import type { ConnectorIdentities } from "./identity.ts";
import { keepConnections, type ProxyEnvironment } from "./kept-connections.ts";
import { openRegistryCalls } from "./registry-calls.ts";
import { createRegistrySignIns } from "./registry-sign-in.ts";

/** Items asked for at once; a registry gives no more. Source: a thread of acr (749). */
const PAGE = 1_000;
/** Largest manifest that is read, in bytes. Source: the OCI distribution specification, "Pushing Manifests". */
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
/** Largest answer to a change, in bytes: it says what was changed, or why not. */
const MAX_ANSWER_BYTES = 1024 * 1024;
/**
 * Refresh tokens are kept for all openings. A DELETE whose earlier try may have arrived, and that now finds nothing, counts
 * as done by us: nobody can tell, and the run that asked for it is the likeliest.
 * @param deps.now decides which tokens still serve
 * @param deps.proxies of the process
 * @param more a client for tests, which answers in the registry's place
 */
export function createOpenRegistryContent(
  deps: LaneClock & {
    readonly identities: ConnectorIdentities;
    readonly now: () => Date;
    readonly proxies: ProxyEnvironment;
  },
  more: { readonly httpClient?: HttpClient } = {},
): OpenRegistryContent {
  const signIns = createRegistrySignIns(openRegistryCalls(deps.identities, more), deps.now);
  const policies = [keepConnections(deps.proxies)];
  return (at) => {
    const budget = createBudget({ ...deps, perMinute: CALLS_PER_MINUTE[at.registry.tier] });
    const tokens = createContentTokens({ signIns, now: deps.now }, at);
    const transport = openTransport(at, deps.now, { ...more, policies });
    const { origin } = transport;
    const call = createCallContent({ budget, tokens, transport }, at);

    const list = createListContent(call, origin);

    const inRepository = (repository: string, action: Exclude<ContentNeed["action"], "catalog">): ContentNeed => ({
      action,
      repository: repositoryNameSchema.parse(repository),
    });
    const acr = (repository: string) => `/acr/v1/${encodeURIComponent(repository)}`;
    const v2 = (repository: string) => `/v2/${encodeURIComponent(repository)}`;
    const listOf = <T>(repository: string, name: "tags" | "manifests", read: ReadPage<T>, signal: AbortSignal) =>
      list({
        what: `list the ${name} of ${repository}`,
        kind: "read",
        need: inRepository(repository, "metadata_read"),
        signal,
        path: `${acr(repository)}/_${name}`,
        // By name: what is pushed again meanwhile keeps its place, and is listed in any case.
        query: `?n=${PAGE}`,
        read,
        isNone: ({ status, code }) => status === 404 && code === "NAME_UNKNOWN",
      });
    const remove = (
      repository: string,
      path: string,
      what: string,
      signal: AbortSignal,
      mayStillSend: MayStillSend | undefined,
    ) =>
      call({
        what: `${what} of ${repository}`,
        kind: "delete",
        need: inRepository(repository, "delete"),
        request: { method: "DELETE", url: `${origin}${path}`, maxBytes: MAX_ANSWER_BYTES },
        signal,
        mayStillSend,
        understand: ({ status, code }, mayBeDone) => {
          if (status === 200 || status === 202) return true;
          return status === 404 && code !== null ? mayBeDone : undefined;
        },
      });
    /** What was locked before it was unlocked here, by its path; what is not in it is locked again by both. */
    const unlocked = new Map<string, LockFlags>();
    const rememberLocks = async (
      repository: string,
      path: string,
      signal: AbortSignal,
      mayStillSend: MayStillSend | undefined,
    ) => {
      const { flags } = await call({
        what: `read the locks of an image of ${repository}`,
        kind: "read",
        need: inRepository(repository, "metadata_read"),
        request: { method: "GET", url: `${origin}${path}`, maxBytes: MAX_ANSWER_BYTES },
        signal,
        mayStillSend,
        understand: ({ status, json }) => (status === 200 ? { flags: readLocks(json) } : undefined),
      });
      // Open already: an earlier try did that.
      if (flags !== null && !(flags.deleteEnabled && flags.writeEnabled)) unlocked.set(path, flags);
    };
    const setLock = async (
      repository: string,
      path: string,
      isLocked: boolean,
      signal: AbortSignal,
      mayStillSend: MayStillSend | undefined,
    ) => {
      if (!isLocked) await rememberLocks(repository, path, signal, mayStillSend);
      const enabled = { deleteEnabled: !isLocked, writeEnabled: !isLocked };
      await call({
        what: `${isLocked ? "lock" : "unlock"} an image of ${repository}`,
        kind: "write",
        need: inRepository(repository, "metadata_write"),
        request: {
          method: "PATCH",
          url: `${origin}${path}`,
          body: isLocked ? (unlocked.get(path) ?? enabled) : enabled,
          maxBytes: MAX_ANSWER_BYTES,
        },
        signal,
        mayStillSend,
        understand: ({ status }) => (status === 200 ? true : undefined),
      });
    };
    const manifestPath = (repository: string, digest: string) =>
      `${acr(repository)}/_manifests/${digestSchema.parse(digest)}`;
    const tagPath = (repository: string, tag: string) => `${acr(repository)}/_tags/${tagSchema.parse(tag)}`;

    return {
      repositories: (signal) =>
        list({
          what: "list the repositories",
          kind: "read",
          need: { action: "catalog" },
          signal,
          path: "/acr/v1/_catalog",
          query: `?n=${PAGE}`,
          read: readNames,
          isNone: () => false,
        }),
      async repository(repository, signal) {
        const found = await call({
          what: `read what ${repository} is`,
          kind: "read",
          need: inRepository(repository, "metadata_read"),
          request: { method: "GET", url: `${origin}${acr(repository)}`, maxBytes: MAX_ANSWER_BYTES },
          signal,
          understand: ({ status, code, json }) => {
            if (status === 404 && code === "NAME_UNKNOWN") return { entry: null };
            if (NOT_SERVED.has(status)) return { entry: UNTOLD };
            const entry = status === 200 ? readRepository(json, repository) : null;
            return entry === null ? undefined : { entry };
          },
        });
        return found.entry;
      },
      tags: (repository, signal) => listOf(repository, "tags", (page) => readTags(page, repository), signal),
      manifests: (repository, signal) =>
        listOf(repository, "manifests", (page) => readManifests(page, repository), signal),
      async facts(repository, digest, signal) {
        const found = await call({
          what: `read a manifest of ${repository}`,
          kind: "read",
          need: inRepository(repository, "pull"),
          request: {
            method: "GET",
            url: `${origin}${v2(repository)}/manifests/${digestSchema.parse(digest)}`,
            accept: MANIFEST_TYPES.join(", "),
            maxBytes: MAX_MANIFEST_BYTES,
          },
          signal,
          understand: ({ status, code, text, headers }) => {
            if (status === 404 && code !== null) return { facts: null };
            if (status !== 200) return undefined;
            const facts = readManifestBody(digest, text, headers["content-type"]);
            return facts === null ? undefined : { facts };
          },
        });
        return found.facts;
      },
      async referrers(repository, digest, signal) {
        let isServed = true;
        const pages = list({
          what: `list what refers to a manifest of ${repository}`,
          kind: "referrers",
          need: inRepository(repository, "pull"),
          signal,
          path: `${v2(repository)}/referrers/${digestSchema.parse(digest)}`,
          query: "",
          read: readReferrers,
          isNone: ({ status, code }) => {
            // Of one manifest it says nothing about the others.
            isServed = !NOT_SERVED.has(status) || code === "MANIFEST_UNKNOWN";
            return !isServed;
          },
        });
        const found = new Set<string>();
        for await (const page of pages) for (const one of page) found.add(one);
        return isServed ? [...found] : null;
      },
      async deleteManifest(repository, digest, signal, mayStillSend) {
        const path = `${v2(repository)}/manifests/${digestSchema.parse(digest)}`;
        return remove(repository, path, "delete a manifest", signal, mayStillSend);
      },
      deleteTag: async (repository, tag, signal, mayStillSend) =>
        remove(repository, tagPath(repository, tag), "delete a tag", signal, mayStillSend),
      async setManifestLock(repository, digest, isLocked, signal, mayStillSend) {
        await setLock(repository, manifestPath(repository, digest), isLocked, signal, mayStillSend);
      },
      async setTagLock(repository, tag, isLocked, signal, mayStillSend) {
        await setLock(repository, tagPath(repository, tag), isLocked, signal, mayStillSend);
      },
    };
  };
}

/** Registries without the list of referrers say one of these. Source: the OCI distribution specification, "Listing Referrers". */
const NOT_SERVED: ReadonlySet<number> = new Set([404, 405, 501]);
/** What a registry that does not serve the question says of a repository. */
const UNTOLD = { manifestCount: null, tagCount: null, isLocked: false } as const;
