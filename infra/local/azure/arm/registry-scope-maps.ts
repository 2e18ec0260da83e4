/** Scope maps of registries, in ARM. Registered by arm.ts. */
import { z } from "zod";
import type { Seed } from "../../seed.ts";
import type { ArmLimits } from "./arm-limits.ts";
import type { ArmOperation, ArmRequest } from "./arm-operation.ts";
import type { ArmRights } from "./arm-rights.ts";
import { pageOf } from "./paging.ts";
import { REGISTRY_CREATED } from "./registries.ts";
import {
  bodyOf,
  changeBy,
  checkName,
  childNotFound,
  invalidBody,
  MAX_ACTIONS,
  type PlacedRegistry,
  REGISTRY_PATH,
  registryOf,
  registryOperation,
  registryRefusal,
  registryTime,
  systemData,
  TOKENS_OF_TIER,
} from "./registry-resource.ts";
import type { Change, RegistryTokenStore, StoredScopeMap } from "./registry-token-store.ts";
import { SYSTEM_SCOPE_MAPS, systemScopeMap } from "./system-scope-maps.ts";

const TYPE = "Microsoft.ContainerRegistry/registries/scopeMaps";
const NAME = /^[a-zA-Z0-9-_]*$/;
/** Source: azure-cli, acr scope-map create. */
const MAX_DESCRIPTION = 256;
/**
 * What may be done in one repository, in all below a path, in all; and what connected registries need. A wildcard is a
 * whole last segment. Source: learn.microsoft.com, "Create a token with repository-scoped permissions"; azure-cli
 * recording test_acr_connectedregistry.
 */
const REPOSITORY_ACTION =
  /^repositories\/(?:\*|(?:[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*\/)*(?:\*|[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*))\/(?:content\/(?:read|write|delete)|metadata\/(?:read|write))$/i;
const GATEWAY_ACTION = /^gateway\/[a-z0-9]{5,50}\/(?:config|message)\/(?:read|write)$/i;

type ShownScopeMap = Omit<StoredScopeMap, "actions"> & { readonly actions: readonly string[] };

const actions = z.array(z.string());
const description = z.string().max(MAX_DESCRIPTION).nullish();
const putBody = z.object({ properties: z.object({ actions, description }) });
const patchBody = z.object({ properties: z.object({ actions: actions.nullish(), description }).nullish() });

/** Source of the shapes: azure-cli recording test_repository_token_create. */
export function scopeMapOperations(deps: {
  readonly seed: Seed;
  readonly rights: ArmRights;
  readonly limits: ArmLimits;
  readonly registryTokenStore: RegistryTokenStore;
  readonly now: () => Date;
}): ArmOperation[] {
  const { limits, registryTokenStore: store, now } = deps;
  const one = `${REGISTRY_PATH}/scopeMaps/:map`;
  const of = (request: ArmRequest, right: string) =>
    registryOf(deps, request, `scopeMaps/${right}`, `/scopeMaps/${request.param("map")}`);
  const save = (registry: PlacedRegistry, map: StoredScopeMap) => {
    store.saveScopeMap(registry.id, map);
    return { status: 200, body: userBody(registry, map) };
  };
  return [
    registryOperation("registries/scopeMaps", {
      method: "GET",
      path: `${REGISTRY_PATH}/scopeMaps`,
      answer: (request) => {
        const registry = registryOf(deps, request, "scopeMaps/read");
        const names = [...SYSTEM_SCOPE_MAPS.map(({ name }) => name), ...store.scopeMapNames(registry.id)];
        const places = names.map((name) => ({ id: `${registry.id}/scopeMaps/${name}`, name }));
        const { value, ...link } = pageOf(places, request, limits);
        return { status: 200, body: { value: value.map(({ name }) => bodyNamed(store, registry, name)), ...link } };
      },
    }),
    registryOperation("registries/scopeMaps", {
      method: "GET",
      path: one,
      answer: (request) => {
        const registry = of(request, "read");
        return { status: 200, body: bodyNamed(store, registry, request.param("map")) };
      },
    }),
    registryOperation("registries/scopeMaps", {
      method: "PUT",
      path: one,
      answer: (request) => {
        const registry = of(request, "write");
        const asked = request.param("map");
        refuseSystem(asked);
        const name = checkName(asked, NAME);
        const { properties } = bodyOf(request, putBody);
        checkActions(properties.actions);
        const before = store.scopeMap(registry.id, name);
        const limit = TOKENS_OF_TIER[registry.resource.tier];
        if (!before && store.scopeMapNames(registry.id).length >= limit) throw scopeMapsFull(limit);
        const change = changeBy(request.caller, now());
        return save(registry, {
          name: before?.name ?? name,
          created: before?.created ?? change,
          modified: change,
          description: properties.description ?? null,
          actions: properties.actions,
        });
      },
    }),
    registryOperation("registries/scopeMaps", {
      method: "PATCH",
      path: one,
      answer: (request) => {
        const registry = of(request, "write");
        const asked = request.param("map");
        refuseSystem(asked);
        const before = store.scopeMap(registry.id, asked);
        if (!before) throw childNotFound(asked);
        const properties = bodyOf(request, patchBody).properties ?? {};
        checkActions(properties.actions ?? []);
        return save(registry, {
          ...before,
          modified: changeBy(request.caller, now()),
          description: properties.description ?? before.description,
          actions: properties.actions ?? before.actions,
        });
      },
    }),
    registryOperation("registries/scopeMaps", {
      method: "DELETE",
      path: one,
      answer: (request) => {
        const registry = of(request, "delete");
        refuseSystem(request.param("map"));
        // Its tokens stay, without any right.
        return { status: store.deleteScopeMap(registry.id, request.param("map")) ? 200 : 204 };
      },
    }),
  ];
}

/** @throws ArmError 400 or 404 */
function bodyNamed(store: RegistryTokenStore, registry: PlacedRegistry, name: string) {
  const map = store.scopeMap(registry.id, name);
  if (map !== undefined) return userBody(registry, map);
  const system = systemScopeMap(name);
  if (system === undefined) throw childNotFound(name);
  const made: Change = { by: "Microsoft.ContainerRegistry", byType: "Application", at: Date.parse(REGISTRY_CREATED) };
  return body(registry, { ...system, created: made, modified: made }, "SystemDefined");
}

function userBody(registry: PlacedRegistry, map: StoredScopeMap) {
  return body(registry, map, "UserDefined");
}

function body(registry: PlacedRegistry, map: ShownScopeMap, type: "SystemDefined" | "UserDefined") {
  return {
    type: TYPE,
    id: `${registry.id}/scopeMaps/${map.name}`,
    name: map.name,
    ...(type === "UserDefined" ? { systemData: systemData(map.created, map.modified) } : {}),
    properties: {
      ...(map.description === null ? {} : { description: map.description }),
      type,
      creationDate: registryTime(map.created.at),
      provisioningState: "Succeeded",
      actions: map.actions,
    },
  };
}

function checkActions(given: readonly string[]): void {
  if (given.length > MAX_ACTIONS) throw invalidBody(`properties.actions has more than ${MAX_ACTIONS} entries`);
  const bad = given.find((action) => !REPOSITORY_ACTION.test(action) && !GATEWAY_ACTION.test(action));
  if (bad !== undefined) throw registryRefusal(400, "InvalidScopeMapAction", `The action ${bad} is invalid.`);
}

function refuseSystem(name: string): void {
  if (systemScopeMap(name) === undefined) return;
  throw registryRefusal(400, "InvalidScopeMap", `The scope map ${name} is system defined and cannot be changed.`);
}

function scopeMapsFull(limit: number) {
  const message = `The registry has the maximum number of scope maps of its SKU: ${limit}.`;
  return registryRefusal(403, "QuotaExceeded", message);
}
