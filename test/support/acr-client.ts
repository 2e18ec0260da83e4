/** The content of the local Azure's registries as the product opens it. Used by the contract tests of that content. */
import { setTimeout as sleep } from "node:timers/promises";
import { createOpenRegistryContent } from "../../shared/azure/acr-content.ts";
import { createConnectorIdentities } from "../../shared/azure/identity.ts";
import { openedRegistry } from "./fakes-registry.ts";
import type { LocalAzure } from "./local-azure.ts";
import { signInOf } from "./product-parts.ts";
import { LEGACY, now } from "./registry-client.ts";

/** Real time. */
export const realClock = {
  clock: () => performance.now(),
  wait: (ms: number, signal: AbortSignal) => sleep(ms, undefined, { signal }),
  random: () => 0,
};

/** Opened as in a process that has just started. */
export function openContent(azure: LocalAzure, as = "registry-keeper", registry = LEGACY) {
  const open = createOpenRegistryContent({
    ...realClock,
    identities: createConnectorIdentities(),
    now,
    proxies: process.env,
  });
  return open(openedRegistry({ registry, signIn: signInOf(azure, as) }));
}

/** Everything on all pages. */
export async function pagesOf<T>(pages: AsyncIterable<readonly T[]>): Promise<readonly T[]> {
  const found: T[] = [];
  for await (const page of pages) found.push(...page);
  return found;
}

/** Images, limits and the request log of one local Azure's registries, through the control endpoint. */
export function createRegistryContentControl({ controlUrl }: Pick<LocalAzure, "controlUrl">) {
  const send = async (method: string, path: string, body?: object): Promise<string> => {
    const response = await fetch(`${controlUrl}${path}`, {
      method,
      ...(body && { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`the control endpoint refused: ${text}`);
    return text;
  };
  return {
    make: (of: { repository: string; count: number; ageSeconds: number; stepSeconds?: number; tagged?: boolean }) =>
      send("POST", "/registry/images", { loginServer: LEGACY.loginServer, stepSeconds: 0, ...of }),
    limit: (limits: object) => send("PATCH", "/registry", { limits }),
    reset: () => send("DELETE", "/registry"),
    /** What registries were asked since the last call, in the order of the ends. */
    async requests(): Promise<readonly { method: string; path: string; status: number | null }[]> {
      const { items }: { items: { method: string; path: string; status: number | null }[] } = JSON.parse(
        await send("GET", "/requests?service=registry"),
      );
      await send("DELETE", "/requests");
      return items;
    },
  };
}
