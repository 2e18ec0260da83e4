/** New passwords of a registry's tokens, and how much of a registry is used, in ARM. Registered by arm.ts. */
import { randomBytes } from "node:crypto";
import { z } from "zod";
import type { ArmOperation } from "./arm-operation.ts";
import {
  bodyOf,
  childNotFound,
  invalidBody,
  type PlacedRegistry,
  REGISTRY_PATH,
  registryOf,
  registryOperation,
  registryRefusal,
  TOKENS_OF_TIER,
} from "./registry-resource.ts";
import { passwordHash, type StoredPassword, type StoredToken } from "./registry-token-store.ts";
import { passwordBody, provisioningState, type RegistryTokenDeps } from "./registry-tokens.ts";

/** 32 characters of base64, as recorded. */
const PASSWORD_BYTES = 24;
const PASSWORD_NAMES = ["password1", "password2"] as const;
const GIB = 1024 ** 3;
/** Source: learn.microsoft.com, "Azure Container Registry SKU features and limits": included storage and webhooks. */
const LIMITS_OF_TIER = {
  Basic: { bytes: 10 * GIB, webhooks: 2 },
  Standard: { bytes: 100 * GIB, webhooks: 10 },
  Premium: { bytes: 500 * GIB, webhooks: 500 },
} as const;
/** Date and time with an offset; the offset of UTC if left out. */
const TIME = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,7})\d*)?(Z|[+-]\d\d:\d\d)?$/i;

const generateBody = z.object({
  tokenId: z.string(),
  expiry: z.string().nullish(),
  name: z.enum(PASSWORD_NAMES).nullish(),
});

/** Source of the shapes: azure-cli recordings test_repository_token_create and of `acr show-usage`. */
export function registryCredentialOperations(
  deps: RegistryTokenDeps & {
    /** Milliseconds until a password that takes the place of another works. */
    readonly tokenRevocationDelayMs: number;
  },
): ArmOperation[] {
  const { registryTokenStore: store, now } = deps;
  return [
    registryOperation("registries/generateCredentials", {
      method: "POST",
      path: `${REGISTRY_PATH}/generateCredentials`,
      answer: (request) => {
        const registry = registryOf(deps, request, "generateCredentials/action");
        const asked = bodyOf(request, generateBody);
        const at = now();
        const expiry = asked.expiry ? expiryOf(asked.expiry, at) : null;
        const token = tokenOf(deps, registry, asked.tokenId);
        if (provisioningState(token, at) === "Creating") throw tokenNotActive(token.name);
        const names = asked.name ? [asked.name] : PASSWORD_NAMES;
        const fresh = names.map((name) => ({ name, value: randomBytes(PASSWORD_BYTES).toString("base64") }));
        const made = fresh.map(({ name, value }): StoredPassword => {
          const isReplaced = token.passwords.some((password) => password.name === name);
          const worksFrom = at.getTime() + (isReplaced ? deps.tokenRevocationDelayMs : 0);
          return { name, hash: passwordHash(value), created: at.getTime(), expiry, worksFrom };
        });
        const kept = token.passwords.filter(({ name }) => !made.some((password) => password.name === name));
        const passwords = [...kept, ...made].toSorted((left, right) => (left.name < right.name ? -1 : 1));
        store.saveToken(registry.id, { ...token, passwords });
        const shown = passwords.map((password) => {
          const value = fresh.find(({ name }) => name === password.name)?.value;
          return { ...passwordBody(password), ...(value === undefined ? {} : { value }) };
        });
        return { status: 200, body: { username: token.name, passwords: shown } };
      },
    }),
    registryOperation("registries/listUsages", {
      method: "GET",
      path: `${REGISTRY_PATH}/listUsages`,
      answer: (request) => {
        const registry = registryOf(deps, request, "listUsages/read");
        const { tier } = registry.resource;
        const { bytes, webhooks } = LIMITS_OF_TIER[tier];
        const count = (name: string, limit: number, currentValue: number) => ({
          name,
          limit,
          currentValue,
          unit: "Count",
        });
        const value = [
          { name: "Size", limit: bytes, currentValue: 0, unit: "Bytes" },
          count("Webhooks", webhooks, 0),
          count("ScopeMaps", TOKENS_OF_TIER[tier], store.scopeMapNames(registry.id).length),
          count("Tokens", TOKENS_OF_TIER[tier], store.tokenNames(registry.id).length),
        ];
        return { status: 200, body: { value } };
      },
    }),
  ];
}

/** @throws ArmError 400 InvalidRequestBody for what is no token of the registry, 404 for one that is not there */
function tokenOf(deps: RegistryTokenDeps, registry: PlacedRegistry, id: string): StoredToken {
  const prefix = `${registry.id}/tokens/`;
  const name = id.toLowerCase().startsWith(prefix.toLowerCase()) ? id.slice(prefix.length) : "";
  if (name === "" || name.includes("/")) throw invalidBody("tokenId");
  const token = deps.registryTokenStore.token(registry.id, name);
  if (!token) throw childNotFound(name);
  return token;
}

/**
 * The expiry as it is shown: in UTC, with the digits of a second that were given.
 * @throws ArmError 400 InvalidRequestBody for what is no time, 400 InvalidExpiry for one that is over
 */
function expiryOf(text: string, now: Date): string {
  const [, seconds, fraction, offset] = TIME.exec(text) ?? [];
  const at = Date.parse(`${seconds}${offset ?? "Z"}`);
  if (Number.isNaN(at)) throw invalidBody("expiry");
  if (at <= now.getTime()) throw registryRefusal(400, "InvalidExpiry", "The expiry must be in the future.");
  const digits = (fraction ?? "").replace(/0+$/, "");
  return `${new Date(at).toISOString().slice(0, -".000Z".length)}${digits === "" ? "" : `.${digits}`}+00:00`;
}

/** 409 while a token is being made, for some seconds. */
function tokenNotActive(name: string) {
  return registryRefusal(409, "TokenNotActive", `The token ${name} is not active.`);
}
