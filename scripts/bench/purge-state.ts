/** What a purge keeps, in memory: a benchmark of its requests does not measure a store. Used by purge-steps.ts and purge-size-child.ts. */
import { randomBytes, randomUUID } from "node:crypto";
import { NotFoundError } from "../../shared/errors.ts";
import type { FactsStore, LinesStore, PurgeRunStore, StoredRun } from "../../shared/purge/ports.ts";
import type { ManifestFacts } from "../../shared/purge/registry-items.ts";
import type { PurgeRun } from "../../shared/purge/run.ts";
import { queuedRun } from "../../shared/purge/start.ts";

/** Blobs as the JSON that a real one holds; places are numbers of lines. */
export function memoryLines(): LinesStore {
  const blobs = new Map<string, readonly string[]>();
  const of = (name: string) => {
    const lines = blobs.get(name);
    if (lines === undefined) throw new NotFoundError("NOT_FOUND", "There is no such blob.");
    return lines;
  };
  return {
    async write(name, lines) {
      const texts: string[] = [];
      for await (const line of lines) texts.push(JSON.stringify(line));
      blobs.set(name, texts);
    },
    async join(name, parts) {
      blobs.set(name, parts.flatMap(of));
    },
    async *read(name, from) {
      const lines = of(name);
      for (let at = from; at < lines.length; at++) yield { value: JSON.parse(lines[at] ?? "null"), end: at + 1 };
    },
    async remove(name) {
      blobs.delete(name);
    },
    async removeUnder(prefix) {
      for (const name of blobs.keys()) if (name.startsWith(prefix)) blobs.delete(name);
    },
  };
}

/** A store that holds one run. */
export function memoryRuns(first: PurgeRun): PurgeRunStore {
  let stored: StoredRun = { run: first, etag: "0" };
  const get = async () => stored;
  return {
    insert: unused,
    holder: unused,
    find: get,
    get,
    async replace(run, etag) {
      if (etag !== stored.etag) return null;
      stored = { run, etag: String(Number(etag) + 1) };
      return stored.etag;
    },
    list: unused,
    listStale: unused,
  };
}

/** Facts, of which nothing is known at first. */
export function memoryFacts(): FactsStore {
  const kept = new Map<string, readonly ManifestFacts[]>();
  return {
    async *read(_loginServer, repository) {
      yield* kept.get(repository) ?? [];
    },
    async write(_loginServer, repository, facts) {
      kept.set(repository, [...facts]);
    },
  };
}

/** A purge that was just asked for. @param policy as it is written */
export function queuedPurge(loginServer: string, policy: object, now: () => Date): PurgeRun {
  return {
    ...queuedRun({ now, randomBytes }, { loginServer, policy: "bench" }, JSON.stringify(policy)),
    kind: "purge",
    planId: null,
    correlationId: randomUUID(),
    startedBy: { principalId: "bench", issuer: "bench", tenantId: "" },
  };
}

async function unused(): Promise<never> {
  throw new Error("A benchmark does not need it.");
}
