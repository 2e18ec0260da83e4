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
  /** The system key of an extension, made when it is first asked for. @param name `<extension>_extension` */
  extensionKey(name: string): string;
  /** Whether a key opens the webhooks of that extension. */
  opensExtension(key: string | undefined, name: string): "granted" | "wrong-key" | "none";
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
  const extensionKey = (name: string): string => {
    const known = keys.system[name];
    if (known) return known;
    const made = newKey();
    keys.system[name] = made;
    writePrivateFile(file, JSON.stringify(keys, null, 2));
    return made;
  };
  const isAnyFunctionKey = (key: string) =>
    Object.values(keys.functions).some((own) => Object.values(own).some((known) => sameKey(known, key)));
  const opened: Keys = {
    file,
    extensionKey,
    opensExtension(key, name) {
      const level = opened.levelOf(key);
      if (key && (level === "admin" || sameKey(extensionKey(name), key))) return "granted";
      return key && (level !== "none" || isAnyFunctionKey(key)) ? "wrong-key" : "none";
    },
    levelOf(key, functionName) {
      if (!key) return "none";
      const isOneOf = (named: Record<string, string>) => Object.values(named).some((known) => sameKey(known, key));
      if (sameKey(keys.master, key)) return "admin";
      if (isOneOf(keys.system)) return "system";
      if (isOneOf(keys.host)) return "function";
      return functionName !== undefined && isOneOf(keys.functions[functionName] ?? {}) ? "function" : "none";
    },
  };
  return opened;
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
