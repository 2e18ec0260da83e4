/** App settings and host.json of the hosted app, read as `func start` reads them. Called by main.ts. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type LogLevel, parseLevel } from "./log.ts";

/** Milliseconds. Default of the Flex Consumption plan (Azure Functions scale and hosting, "Timeout"). */
const DEFAULT_FUNCTION_TIMEOUT_MS = 30 * 60_000;
/** Bytes. `DefaultMaxRequestBodySize` of the real host. */
const DEFAULT_BODY_LIMIT_BYTES = 104_857_600;

/** A settings file that the host cannot use; the message names the file and what is wrong. */
export class SettingsError extends Error {
  override name = "SettingsError";
}

/** What the host takes from host.json. */
export type HostSettings = {
  /** Without slashes around it; empty = no prefix. */
  readonly routePrefix: string;
  /** Milliseconds a function may run; null = no limit. */
  readonly functionTimeoutMs: number | null;
  readonly logLevels: Readonly<Record<string, LogLevel>>;
  /** `extensions.durableTask.hubName`, as it stands there. */
  readonly hubName: unknown;
};

type Environment = Record<string, string | undefined>;
type JsonObject = Record<string, unknown>;

const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function readJsonObject(file: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    throw new SettingsError(`${file}: cannot be read as JSON`, { cause });
  }
  if (!isObject(value)) throw new SettingsError(`${file}: must hold a JSON object`);
  return value;
}

/** Follows keys into nested objects; `undefined` where one is missing. */
function at(value: unknown, ...keys: readonly string[]): unknown {
  return keys.reduce<unknown>((current, key) => (isObject(current) ? current[key] : undefined), value);
}

/**
 * `Values` of the settings file. Without `file`: local.settings.json, else local.settings.sample.json, else nothing.
 * @throws SettingsError for unreadable, encrypted or non-text values
 */
export function readAppSettings(appRoot: string, file?: string): Record<string, string> {
  const candidates = file ? [file] : ["local.settings.json", "local.settings.sample.json"].map((f) => join(appRoot, f));
  const found = file ?? candidates.find((candidate) => existsSync(candidate));
  if (!found) return {};
  const content = readJsonObject(found);
  if (content.IsEncrypted === true) throw new SettingsError(`${found}: encrypted settings are not supported`);
  const values = content.Values ?? {};
  if (!isObject(values)) throw new SettingsError(`${found}: Values must be an object`);
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => {
      if (typeof value !== "string") throw new SettingsError(`${found}: Values.${name} must be text`);
      return [name, value];
    }),
  );
}

/** Puts app settings into the environment; what is already set there wins, as with `func start`. */
export function applyAppSettings(environment: Environment, values: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(values)) environment[name] ??= value;
}

/** What the platform itself tells an app. */
export function applyPlatformSettings(environment: Environment, appRoot: string): void {
  environment.FUNCTIONS_WORKER_RUNTIME ??= "node";
  environment.FUNCTIONS_EXTENSION_VERSION ??= "~4";
  environment.AZURE_FUNCTIONS_ENVIRONMENT ??= "Development";
  environment.AzureWebJobsScriptRoot = appRoot;
}

/** `[d.]hh:mm:ss` to milliseconds; `-1` = no limit. */
function parseTimeout(text: unknown, file: string): number | null {
  if (text === undefined || text === null) return DEFAULT_FUNCTION_TIMEOUT_MS;
  if (text === "-1" || text === -1) return null;
  const match = typeof text === "string" ? /^(?:(\d+)\.)?(\d{1,2}):(\d{1,2}):(\d{1,2})$/.exec(text) : null;
  if (!match) throw new SettingsError(`${file}: functionTimeout must look like "00:05:00" or be "-1"`);
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = match.slice(1).map((part) => Number(part ?? 0));
  return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1_000;
}

/** @throws SettingsError when host.json is there and cannot be used */
export function readHostSettings(appRoot: string): HostSettings {
  const file = join(appRoot, "host.json");
  const content = existsSync(file) ? readJsonObject(file) : { version: "2.0" };
  if (content.version !== "2.0") throw new SettingsError(`${file}: version must be "2.0"`);
  const prefix = at(content, "extensions", "http", "routePrefix") ?? "api";
  if (typeof prefix !== "string") throw new SettingsError(`${file}: extensions.http.routePrefix must be text`);
  const logLevel = at(content, "logging", "logLevel");
  const logLevels: Record<string, LogLevel> = {};
  for (const [category, text] of Object.entries(isObject(logLevel) ? logLevel : {})) {
    const level = parseLevel(text);
    if (!level) throw new SettingsError(`${file}: logging.logLevel.${category} is not a log level`);
    logLevels[category] = level;
  }
  return {
    routePrefix: prefix.replace(/^\/+|\/+$/g, ""),
    functionTimeoutMs: parseTimeout(content.functionTimeout, file),
    logLevels,
    hubName: at(content, "extensions", "durableTask", "hubName"),
  };
}

/** Bytes, from the app setting of the real host or its default. */
export function requestBodyLimit(environment: Environment): number {
  const text = environment.FUNCTIONS_REQUEST_BODY_SIZE_LIMIT;
  return text && /^\d+$/.test(text) ? Number(text) : DEFAULT_BODY_LIMIT_BYTES;
}
