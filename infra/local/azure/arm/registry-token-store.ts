/** Scope maps and tokens of the registries, in SQLite: a row each, so that thousands cost no more than one. Used by ARM. */
import { createHash, timingSafeEqual } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import type { RegistryTokens } from "../ports.ts";
import { systemScopeMap } from "./system-scope-maps.ts";

/** Names are compared without regard to case, as everything in an ARM path. Passwords are kept as hashes. */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS items (
    kind TEXT NOT NULL, registry TEXT NOT NULL, name TEXT NOT NULL COLLATE NOCASE, body TEXT NOT NULL,
    PRIMARY KEY (kind, registry, name)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS retired (
    registry TEXT NOT NULL, name TEXT NOT NULL, hash TEXT NOT NULL, scope_map TEXT NOT NULL, until INTEGER NOT NULL
  );
  CREATE INDEX IF NOT EXISTS retired_by_name ON retired (registry, name);
`;

const change = z.object({ by: z.string(), byType: z.enum(["User", "Application"]), at: z.number() });
const scopeMapSchema = z.object({
  name: z.string(),
  created: change,
  modified: change,
  description: z.string().nullable(),
  actions: z.array(z.string()),
});
const passwordSchema = z.object({
  name: z.enum(["password1", "password2"]),
  /** SHA-256, base64url: a password is random, so nothing slower is needed. */
  hash: z.string(),
  created: z.number(),
  /** As it is shown; null for one that does not expire. */
  expiry: z.string().nullable(),
  /** Milliseconds since 1970: not good before. */
  worksFrom: z.number(),
});
const tokenSchema = z.object({
  name: z.string(),
  created: change,
  modified: change,
  scopeMapId: z.string(),
  status: z.enum(["enabled", "disabled"]),
  passwords: z.array(passwordSchema),
  /** The last change that is answered before it is done. */
  operation: z.object({ id: z.string(), kind: z.enum(["Creating", "Updating"]), doneAt: z.number() }),
});

/** Who changed something, and when in milliseconds since 1970. */
export type Change = z.infer<typeof change>;
/** A scope map that somebody made. */
export type StoredScopeMap = z.infer<typeof scopeMapSchema>;
/** A password without its value. */
export type StoredPassword = z.infer<typeof passwordSchema>;
/** A token with its passwords. */
export type StoredToken = z.infer<typeof tokenSchema>;

/** What is kept of all registries. A registry is named by its ARM id, in any case. */
export type RegistryTokenStore = {
  scopeMapNames(registry: string): readonly string[];
  scopeMap(registry: string, name: string): StoredScopeMap | undefined;
  saveScopeMap(registry: string, map: StoredScopeMap): void;
  /** @returns whether there was one */
  deleteScopeMap(registry: string, name: string): boolean;
  tokenNames(registry: string): readonly string[];
  token(registry: string, name: string): StoredToken | undefined;
  /** Passwords that are no longer there, or belong to a disabled token, stop working after the revocation delay. */
  saveToken(registry: string, token: StoredToken): void;
  /** @returns whether there was one */
  deleteToken(registry: string, name: string): boolean;
  /** By which registries check a sign-in. */
  readonly tokens: RegistryTokens;
  close(): void;
};

/** Hash under which a password is kept. */
export function passwordHash(password: string): string {
  return createHash("sha256").update(password).digest("base64url");
}

/**
 * @param deps.file made if it is not there; what was written survives `kill -9`
 * @param deps.revocationDelayMs milliseconds in which a password still works after it was taken away
 */
export function openRegistryTokenStore(deps: {
  readonly file: string;
  readonly now: () => Date;
  readonly revocationDelayMs: number;
}): RegistryTokenStore {
  const { now, revocationDelayMs } = deps;
  const database = new DatabaseSync(deps.file);
  // NORMAL: a write is in the file before the answer, but waits for no disk. A power loss can take the last ones.
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; ${SCHEMA}`);
  const names = database.prepare("SELECT name FROM items WHERE kind = ? AND registry = ? ORDER BY name");
  const one = database.prepare("SELECT body FROM items WHERE kind = ? AND registry = ? AND name = ?");
  const save = database.prepare("INSERT INTO items VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body");
  const remove = database.prepare("DELETE FROM items WHERE kind = ? AND registry = ? AND name = ?");
  const retire = database.prepare("INSERT INTO retired VALUES (?, ?, ?, ?, ?)");
  const forget = database.prepare("DELETE FROM retired WHERE until <= ?");
  const retired = database.prepare("SELECT hash, scope_map FROM retired WHERE registry = ? AND name = ? AND until > ?");

  const namesOf = (kind: string, registry: string) =>
    names.all(kind, registry.toLowerCase()).map((row) => z.string().parse(row.name));
  const bodyOf = (kind: string, registry: string, name: string): unknown => {
    const row = one.get(kind, registry.toLowerCase(), name);
    return row === undefined ? undefined : JSON.parse(z.string().parse(row.body));
  };
  const write = (kind: string, registry: string, item: { readonly name: string }) =>
    save.run(kind, registry.toLowerCase(), item.name, JSON.stringify(item));
  const drop = (kind: string, registry: string, name: string) =>
    Number(remove.run(kind, registry.toLowerCase(), name).changes) > 0;
  const token = (registry: string, name: string) => {
    const body = bodyOf("token", registry, name);
    return body === undefined ? undefined : tokenSchema.parse(body);
  };
  const scopeMap = (registry: string, name: string) => {
    const body = bodyOf("scopeMap", registry, name);
    return body === undefined ? undefined : scopeMapSchema.parse(body);
  };
  /** What worked before and shall not any more. */
  const retireAll = (registry: string, before: StoredToken | undefined, kept: ReadonlySet<string>) => {
    const at = now().getTime();
    forget.run(at);
    if (before?.status !== "enabled" || revocationDelayMs <= 0) return;
    for (const password of before.passwords) {
      if (kept.has(password.hash) || !isGood(password, at)) continue;
      const until = Math.min(at + revocationDelayMs, expiryOf(password));
      retire.run(registry.toLowerCase(), before.name, password.hash, before.scopeMapId, until);
    }
  };
  const actionsOfMap = (registry: string, id: string): readonly string[] => {
    const name = scopeMapName(registry, id);
    if (name === null) return [];
    return scopeMap(registry, name)?.actions ?? systemScopeMap(name)?.actions ?? [];
  };

  return {
    scopeMapNames: (registry) => namesOf("scopeMap", registry),
    scopeMap,
    saveScopeMap: (registry, map) => {
      write("scopeMap", registry, map);
    },
    deleteScopeMap: (registry, name) => drop("scopeMap", registry, name),
    tokenNames: (registry) => namesOf("token", registry),
    token,
    saveToken(registry, next) {
      const kept = next.status === "enabled" ? next.passwords.map(({ hash }) => hash) : [];
      retireAll(registry, token(registry, next.name), new Set(kept));
      write("token", registry, next);
    },
    deleteToken(registry, name) {
      retireAll(registry, token(registry, name), new Set());
      return drop("token", registry, name);
    },
    tokens: {
      actionsOf(registry, name, password) {
        const at = now().getTime();
        const given = passwordHash(password);
        const found = token(registry, name);
        // A user name is compared as it stands: a sign-in is no ARM path.
        if (found?.name === name && found.status === "enabled") {
          const good = found.passwords.filter((one) => isGood(one, at) && isEqual(one.hash, given));
          if (good.length > 0) return actionsOfMap(registry, found.scopeMapId);
        }
        const late = retired
          .all(registry.toLowerCase(), name, at)
          .find((row) => isEqual(z.string().parse(row.hash), given));
        return late === undefined ? null : actionsOfMap(registry, z.string().parse(late.scope_map));
      },
    },
    close: () => database.close(),
  };
}

/** Name of the scope map that an ARM id names; null when it is none of this registry. */
export function scopeMapName(registry: string, id: string): string | null {
  const prefix = `${registry}/scopeMaps/`;
  if (!id.toLowerCase().startsWith(prefix.toLowerCase())) return null;
  const name = id.slice(prefix.length);
  return name === "" || name.includes("/") ? null : name;
}

function expiryOf(password: StoredPassword): number {
  return password.expiry === null ? Number.POSITIVE_INFINITY : Date.parse(password.expiry);
}

function isGood(password: StoredPassword, at: number): boolean {
  return at >= password.worksFrom && at < expiryOf(password);
}

function isEqual(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}
