/** Tokens of registries, in ARM: what they are, and the operations that are answered before they are done. Registered by arm.ts. */
import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { Seed } from "../../seed.ts";
import type { ArmLimits } from "./arm-limits.ts";
import type { ArmAnswer, ArmOperation, ArmRequest } from "./arm-operation.ts";
import type { ArmRights } from "./arm-rights.ts";
import { pageOf } from "./paging.ts";
import {
  bodyOf,
  changeBy,
  checkName,
  childNotFound,
  type PlacedRegistry,
  REGISTRY_PATH,
  registryOf,
  registryOperation,
  registryRefusal,
  registryTime,
  systemData,
  TOKENS_OF_TIER,
} from "./registry-resource.ts";
import {
  type RegistryTokenStore,
  type StoredPassword,
  type StoredToken,
  scopeMapName,
} from "./registry-token-store.ts";
import { systemScopeMap } from "./system-scope-maps.ts";

const TYPE = "Microsoft.ContainerRegistry/registries/tokens";
/** No underscore, unlike names of scope maps. Source: azure-rest-api-specs, Microsoft.ContainerRegistry, Token. */
const NAME = /^[a-zA-Z0-9-]*$/;
const OPERATION_PREFIX = "token-";

const status = z.enum(["enabled", "disabled"]);
const putBody = z.object({
  properties: z.object({ scopeMapId: z.string(), status: status.nullish() }),
});
const patchBody = z.object({
  properties: z
    .object({
      scopeMapId: z.string().nullish(),
      status: status.nullish(),
      /** Names of the passwords to keep. */
      credentials: z
        .object({ passwords: z.array(z.object({ name: z.enum(["password1", "password2"]) })).nullish() })
        .nullish(),
    })
    .nullish(),
});

/** What the operations need. */
export type RegistryTokenDeps = {
  readonly seed: Seed;
  readonly rights: ArmRights;
  readonly limits: ArmLimits;
  readonly registryTokenStore: RegistryTokenStore;
  /** Milliseconds until a change of a token is done. */
  readonly tokenSettleMs: number;
  readonly now: () => Date;
};

/** Source of the shapes: azure-cli recording test_repository_token_create. */
export function registryTokenOperations(deps: RegistryTokenDeps): ArmOperation[] {
  const { limits, registryTokenStore: store, now } = deps;
  const one = `${REGISTRY_PATH}/tokens/:token`;
  const of = (request: ArmRequest, right: string) =>
    registryOf(deps, request, `tokens/${right}`, `/tokens/${request.param("token")}`);
  const found = (registry: PlacedRegistry, request: ArmRequest) => {
    const token = store.token(registry.id, request.param("token"));
    if (!token) throw childNotFound(request.param("token"));
    return token;
  };
  const save = (
    request: ArmRequest,
    registry: PlacedRegistry,
    code: number,
    kind: StoredToken["operation"]["kind"],
    token: Omit<StoredToken, "operation" | "modified">,
  ): ArmAnswer => {
    const modified = changeBy(request.caller, now());
    const operation = { id: `${OPERATION_PREFIX}${randomUUID()}`, kind, doneAt: modified.at + deps.tokenSettleMs };
    const stored = { ...token, modified, operation };
    store.saveToken(registry.id, stored);
    return {
      status: code,
      headers: operationHeader(registry, stored, request),
      body: tokenBody(registry, stored, now()),
    };
  };
  return [
    registryOperation("registries/tokens", {
      method: "GET",
      path: `${REGISTRY_PATH}/tokens`,
      answer: (request) => {
        const registry = registryOf(deps, request, "tokens/read");
        const places = store.tokenNames(registry.id).map((name) => ({ id: `${registry.id}/tokens/${name}`, name }));
        const { value, ...link } = pageOf(places, request, limits);
        const shown = value.flatMap(({ name }) => store.token(registry.id, name) ?? []);
        return { status: 200, body: { value: shown.map((token) => tokenBody(registry, token, now())), ...link } };
      },
    }),
    registryOperation("registries/tokens", {
      method: "GET",
      path: one,
      answer: (request) => {
        const registry = of(request, "read");
        return { status: 200, body: tokenBody(registry, found(registry, request), now()) };
      },
    }),
    registryOperation("registries/tokens", {
      method: "PUT",
      path: one,
      answer: (request) => {
        const registry = of(request, "write");
        const name = checkName(request.param("token"), NAME);
        const { properties } = bodyOf(request, putBody);
        const before = store.token(registry.id, name);
        refuseWhileCreating(before, now());
        const limit = TOKENS_OF_TIER[registry.resource.tier];
        if (!before && store.tokenNames(registry.id).length >= limit) throw tokensFull(limit);
        // A body without passwords takes away those that are there.
        return save(request, registry, before ? 200 : 201, before ? "Updating" : "Creating", {
          name: before?.name ?? name,
          created: before?.created ?? changeBy(request.caller, now()),
          scopeMapId: scopeMapIdOf(store, registry, properties.scopeMapId),
          status: properties.status ?? "enabled",
          passwords: [],
        });
      },
    }),
    registryOperation("registries/tokens", {
      method: "PATCH",
      path: one,
      answer: (request) => {
        const registry = of(request, "write");
        const before = found(registry, request);
        const properties = bodyOf(request, patchBody).properties ?? {};
        refuseWhileCreating(before, now());
        const kept = properties.credentials?.passwords?.map(({ name }) => name);
        return save(request, registry, 201, "Updating", {
          ...before,
          scopeMapId: properties.scopeMapId ? scopeMapIdOf(store, registry, properties.scopeMapId) : before.scopeMapId,
          status: properties.status ?? before.status,
          passwords: before.passwords.filter(({ name }) => kept === undefined || kept.includes(name)),
        });
      },
    }),
    registryOperation("registries/tokens", {
      method: "DELETE",
      path: one,
      answer: (request) => {
        const registry = of(request, "delete");
        return { status: store.deleteToken(registry.id, request.param("token")) ? 200 : 204 };
      },
    }),
    registryOperation("registries/tokens/operationStatuses", {
      method: "GET",
      path: `${one}/operationStatuses/:operation`,
      answer: (request) => {
        const registry = of(request, "operationStatuses/read");
        const token = found(registry, request);
        if (token.operation.id !== request.param("operation")) throw childNotFound(request.param("operation"));
        return {
          status: 200,
          headers: operationHeader(registry, token, request),
          body: { status: provisioningState(token, now()) },
        };
      },
    }),
  ];
}

/** `Succeeded` once the last change is done. */
export function provisioningState(token: StoredToken, now: Date): "Creating" | "Updating" | "Succeeded" {
  return now.getTime() >= token.operation.doneAt ? "Succeeded" : token.operation.kind;
}

/** A password as it is listed: without its value. */
export function passwordBody(password: StoredPassword) {
  return {
    creationTime: registryTime(password.created),
    ...(password.expiry === null ? {} : { expiry: password.expiry }),
    name: password.name,
  };
}

function tokenBody(registry: PlacedRegistry, token: StoredToken, now: Date) {
  return {
    type: TYPE,
    id: `${registry.id}/tokens/${token.name}`,
    name: token.name,
    systemData: systemData(token.created, token.modified),
    properties: {
      creationDate: registryTime(token.created.at),
      provisioningState: provisioningState(token, now),
      scopeMapId: token.scopeMapId,
      credentials: { passwords: token.passwords.map(passwordBody) },
      status: token.status,
    },
  };
}

function operationHeader(registry: PlacedRegistry, token: StoredToken, request: ArmRequest) {
  const path = `${registry.id}/tokens/${token.name}/operationStatuses/${token.operation.id}`;
  const url = `https://management.azure.com${path}?${new URLSearchParams({ "api-version": request.apiVersion })}`;
  return { "azure-asyncoperation": url };
}

/** @throws ArmError 400 InvalidScopeMapId for what is no scope map of the registry, 404 for one that is not there */
function scopeMapIdOf(store: RegistryTokenStore, registry: PlacedRegistry, id: string): string {
  const name = scopeMapName(registry.id, id);
  if (name === null) {
    throw registryRefusal(400, "InvalidScopeMapId", `The scope map id ${id} is none of the registry ${registry.name}.`);
  }
  const known = store.scopeMap(registry.id, name)?.name ?? systemScopeMap(name)?.name;
  if (known === undefined) throw childNotFound(name);
  return `${registry.id}/scopeMaps/${known}`;
}

/** One operation at a time: a second one on a token that is being made conflicts with the first. */
function refuseWhileCreating(token: StoredToken | undefined, now: Date): void {
  if (token === undefined || provisioningState(token, now) !== "Creating") return;
  throw registryRefusal(409, "Conflict", `An operation on the token ${token.name} is in progress.`);
}

function tokensFull(limit: number) {
  const message = `The registry has the maximum number of tokens of its SKU: ${limit}.`;
  return registryRefusal(403, "QuotaExceeded", message);
}
