/** What the operations inside a registry have in common: the registry, names, times, refusals. Used by registry-*.ts. */
import type { z } from "zod";
import type { Placed } from "../../placed-resources.ts";
import type { Seed } from "../../seed.ts";
import type { registrySchema } from "../../seed-resources.ts";
import { REGISTRY_TOKEN_API_VERSIONS } from "./api-versions.ts";
import type { ArmCaller } from "./arm-caller.ts";
import { ArmError } from "./arm-errors.ts";
import type { ArmOperation, ArmRequest } from "./arm-operation.ts";
import type { ArmRights } from "./arm-rights.ts";
import { memberOf } from "./provider-operations.ts";
import { registries } from "./registries.ts";
import type { Change } from "./registry-token-store.ts";

/** A registry of the seed with its place. */
export type PlacedRegistry = Placed<z.infer<typeof registrySchema>>;

/** Path of one registry. */
export const REGISTRY_PATH =
  "/subscriptions/:subscription/resourceGroups/:group/providers/Microsoft.ContainerRegistry/registries/:registry";
/** Prefix of every action inside a registry. */
export const REGISTRY_ACTIONS = "Microsoft.ContainerRegistry/registries";
/** Tokens and, apart from them, scope maps of a registry. Source: learn.microsoft.com, "Azure subscription and service limits". */
export const TOKENS_OF_TIER = { Basic: 100, Standard: 500, Premium: 50_000 } as const;
/** Same source, on every tier. */
export const MAX_ACTIONS = 500;
/** Source: azure-rest-api-specs, Microsoft.ContainerRegistry, ScopeMap and Token. */
const NAME_LENGTH = { min: 5, max: 50 };

/** Registers an operation of the provider, with what all its answers say. */
export function registryOperation(
  type: string,
  operation: Pick<ArmOperation, "method" | "path" | "answer" | "isRead">,
): ArmOperation {
  return {
    ...operation,
    apiVersions: REGISTRY_TOKEN_API_VERSIONS,
    provider: {
      type,
      server: "Microsoft-HTTPAPI/2.0",
      headers: { "api-supported-versions": REGISTRY_TOKEN_API_VERSIONS.join(", ") },
    },
  };
}

/**
 * The registry of the path, after the rights check.
 * @param action below `Microsoft.ContainerRegistry/registries`
 * @param child path below the registry of what the right is asked for; empty for the registry itself
 * @throws ArmError 403 AuthorizationFailed, then 404 ResourceGroupNotFound or ResourceNotFound
 */
export function registryOf(
  deps: { readonly seed: Seed; readonly rights: ArmRights },
  request: ArmRequest,
  action: string,
  child = "",
): PlacedRegistry {
  return memberOf(deps.seed, registries(deps.seed), request, "registry", (scope) =>
    deps.rights.demand(request.caller, `${REGISTRY_ACTIONS}/${action}`, `${scope}${child}`),
  );
}

/** A refusal by the provider itself. */
export function registryRefusal(status: number, code: string, message: string): ArmError {
  return new ArmError(status, code, message, { gateway: false, form: "registry" });
}

/** 404 of the provider: a child that is not there. Source: azure-cli recording test_repository_token_create. */
export function childNotFound(name: string): ArmError {
  return registryRefusal(404, "ResourceNotFound", `The resource ${name} could not be found.`);
}

/** 400 of the provider: a body or a part of it that it cannot use. */
export function invalidBody(what: string): ArmError {
  return registryRefusal(400, "InvalidRequestBody", `The request body is invalid: ${what}.`);
}

/** @throws ArmError 400 InvalidResourceName when the name does not fit what the spec says of it */
export function checkName(name: string, allowed: RegExp): string {
  if (!allowed.test(name) || name.length < NAME_LENGTH.min || name.length > NAME_LENGTH.max) {
    const message = `The resource name ${name} is invalid. It has ${NAME_LENGTH.min} to ${NAME_LENGTH.max} characters and must match ${allowed.source}.`;
    throw registryRefusal(400, "InvalidResourceName", message);
  }
  return name;
}

/**
 * The body against its schema.
 * @throws ArmError 400 InvalidRequestContent when it is no JSON, 400 InvalidRequestBody when it does not fit
 */
export function bodyOf<T>(request: ArmRequest, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(request.body());
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw invalidBody(issue?.path.join(".") || "it is no object");
}

/** Who changes something now. */
export function changeBy(caller: ArmCaller, now: Date): Change {
  // Only people have a name like an address.
  return { by: caller.client, byType: caller.client.includes("@") ? "User" : "Application", at: now.getTime() };
}

/** `systemData` as the provider writes it. */
export function systemData(created: Change, modified: Change) {
  return {
    createdBy: created.by,
    createdByType: created.byType,
    createdAt: registryTime(created.at),
    lastModifiedBy: modified.by,
    lastModifiedByType: modified.byType,
    lastModifiedAt: registryTime(modified.at),
  };
}

/** A time as the provider writes it: seven digits of a second, and the offset of UTC in numbers. */
export function registryTime(at: number): string {
  return new Date(at).toISOString().replace("Z", "0000+00:00");
}
