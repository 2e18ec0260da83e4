/** The content of the local Azure's registries as the product opens it. Used by the contract tests of that content. */
import { setTimeout as sleep } from "node:timers/promises";
import { createOpenRegistryContent } from "../../shared/azure/acr-content.ts";
import { createConnectorIdentities } from "../../shared/azure/identity.ts";
import { openedRegistry } from "./fakes-registry.ts";
import type { LocalAzure } from "./local-azure.ts";
import { signInOf } from "./product-parts.ts";
import { ABAC, LEGACY, now } from "./registry-client.ts";

/** Real time. */
export const realClock = {
  clock: () => performance.now(),
  wait: (ms: number, signal: AbortSignal) => sleep(ms, undefined, { signal }),
  random: () => 0,
};

/** Opened as in a process that has just started. */
export function openContent(
  azure: LocalAzure,
  as = "zenml-connector",
  registry = as === "zenml-connector" ? LEGACY : ABAC,
) {
  const open = createOpenRegistryContent({ ...realClock, identities: createConnectorIdentities(), now });
  return open(openedRegistry({ registry, signIn: signInOf(azure, as) }));
}

/** Everything on all pages. */
export async function pagesOf<T>(pages: AsyncIterable<readonly T[]>): Promise<readonly T[]> {
  const found: T[] = [];
  for await (const page of pages) found.push(...page);
  return found;
}
