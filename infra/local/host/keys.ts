/** Access keys of the app, kept in the state folder. Opened by main.ts, asked by http-server.ts and admin-api.ts. */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { AuthLevel } from "./function-index.ts";
import { writePrivateFile } from "./private-file.ts";

type KeyFile = {
  master: string;
  /** Keys of extensions, by name `<extension>_extension`. */
  system: Record<string, string>;
  /** Host function keys: valid for every function. */
  host: Record<string, string>;
  functions: Record<string, Record<string, string>>;
};

/** What a presented key is. */
export type KeyLevel = "admin" | "system" | "function" | "none";
export type Keys = {
  /** Where the keys are, for people. */
  readonly file: string;
  /** @param functionName whose own keys count; undefined for the admin API */
  levelOf(key: string | undefined, functionName?: string): KeyLevel;
};

/** 32 random bytes, as long as the keys of the real host. */
const newKey = (): string => randomBytes(32).toString("base64url");

const sameKey = (a: string, b: string): boolean => {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
};

/** Makes what is missing: a master key, one host key, one key for each HTTP function. */
export function openKeys(stateFolder: string, functionNames: readonly string[]): Keys {
  const file = join(stateFolder, "keys.json");
  const stored = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Partial<KeyFile>) : {};
  const own = stored.functions ?? {};
  const keys: KeyFile = {
    master: stored.master ?? newKey(),
    system: stored.system ?? {},
    host: stored.host ?? { default: newKey() },
    functions: {
      ...own,
      ...Object.fromEntries(functionNames.map((name) => [name, own[name] ?? { default: newKey() }])),
    },
  };
  if (JSON.stringify(keys) !== JSON.stringify(stored)) writePrivateFile(file, JSON.stringify(keys, null, 2));
  return {
    file,
    levelOf(key, functionName) {
      if (!key) return "none";
      const isOneOf = (named: Record<string, string>) => Object.values(named).some((known) => sameKey(known, key));
      if (sameKey(keys.master, key)) return "admin";
      if (isOneOf(keys.system)) return "system";
      if (isOneOf(keys.host)) return "function";
      return functionName !== undefined && isOneOf(keys.functions[functionName] ?? {}) ? "function" : "none";
    },
  };
}

/** The key of a request: the header counts even when it is wrong or empty, and then the query is not looked at. */
export function presentedKey(header: string | undefined, queryCode: string | undefined): string | undefined {
  return header !== undefined ? header : queryCode;
}

/** Whether a key of this level opens a function: `function` is exact but for the master key, a system key opens nothing. */
export function opens(level: KeyLevel, required: AuthLevel): boolean {
  if (required === "anonymous" || level === "admin") return true;
  return required === "function" && level === "function";
}
