/** Names of container registries: every accepted form → what is meant. Pure; says nothing about whether it exists. */
import { CLOUD_NAMES, cloudOf } from "../cloud.ts";
import { InputError } from "../errors.ts";
import { type ArmResourceId, armIdOf, REGISTRY_TYPE, readArmId } from "./arm-id.ts";
import type { Registry } from "./ports.ts";

/** A registry by its place in ARM. */
export type RegistryId = Pick<Registry, "subscriptionId" | "resourceGroup" | "registry">;
/** What a name says. Hosts and names are in lower case: both are compared without case. */
export type RegistryName =
  | { readonly kind: "id"; readonly id: RegistryId }
  | { readonly kind: "host"; readonly loginServer: string; readonly registry: string }
  | { readonly kind: "name"; readonly registry: string };

/** Azure's own grammar: 5 to 50 letters and digits. */
const NAME = /^[a-z0-9]{5,50}$/i;
/** A host is the registry's name, or the name and a hash that Azure adds so that a name can be used again. */
const HOST = /^(?:https:\/\/)?(([a-z0-9]{5,50})(?:-[a-z0-9]{1,32})?)\.([a-z.]{1,20})\/?$/i;

/**
 * Reads an ARM id (compared without case), `https://NAME.azurecr.io`, `NAME.azurecr.io` (each also with a slash behind it) or `NAME`.
 * @throws InputError INVALID_REQUEST
 */
export function parseRegistryName(text: string): RegistryName {
  const name = readRegistryName(text);
  if (name !== null) return name;
  throw new InputError(
    "INVALID_REQUEST",
    "The resourceId is not the name of a container registry. Give its ARM id (/subscriptions/…/registries/NAME), NAME.azurecr.io or NAME.",
    { problems: [{ path: "/resourceId", expected: "an ARM id, NAME.azurecr.io or NAME" }] },
  );
}

/** As parseRegistryName; null for text that names none. */
export function readRegistryName(text: string): RegistryName | null {
  const arm = readArmId(REGISTRY_TYPE, text, NAME);
  if (arm !== null) return { kind: "id", id: idOf(arm) };
  if (NAME.test(text)) return { kind: "name", registry: text.toLowerCase() };
  const [, label = "", registry = "", suffix = ""] = HOST.exec(text) ?? [];
  const cloud = CLOUD_NAMES.find((candidate) => cloudOf(candidate).registrySuffix === suffix.toLowerCase());
  if (cloud === undefined) return null;
  const loginServer = `${label}.${suffix}`.toLowerCase();
  return { kind: "host", loginServer, registry: registry.toLowerCase() };
}

function idOf({ name, ...place }: ArmResourceId): RegistryId {
  return { ...place, registry: name };
}

/** The canonical id, in ARM's own words. */
export function registryArmId({ subscriptionId, resourceGroup, registry }: RegistryId): string {
  return armIdOf(REGISTRY_TYPE, { subscriptionId, resourceGroup, name: registry });
}

/** The name that people see. */
export function registryDisplayName({ loginServer }: Pick<Registry, "loginServer">): string {
  return loginServer;
}

/**
 * Whether what a caller wrote can mean the registry with this canonical id. Policy does not ask Azure: the hash in a
 * host says nothing to it, and opening the registry compares the whole host before anything is lent.
 */
export function meansRegistry(text: string, canonicalId: string): boolean {
  const canonical = readArmId(REGISTRY_TYPE, canonicalId, NAME);
  const meant = readRegistryName(text);
  if (canonical === null || meant === null) return false;
  if (meant.kind !== "id") return meant.registry === canonical.name.toLowerCase();
  return registryArmId(meant.id).toLowerCase() === canonicalId.toLowerCase();
}

/** Whether a registry that was found is the one of this name. */
export function isRegistryNamed(found: Registry, name: RegistryName): boolean {
  switch (name.kind) {
    case "id":
      return registryArmId(found).toLowerCase() === registryArmId(name.id).toLowerCase();
    case "host":
      return found.loginServer.toLowerCase() === name.loginServer;
    case "name":
      return found.registry.toLowerCase() === name.registry;
  }
}
