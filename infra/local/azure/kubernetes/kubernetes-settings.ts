/** What tests change about the local API servers, at the control endpoint. Read by authenticate.ts and token-requests.ts. */
import { z } from "zod";

/** Seconds an API server believes a token that was good. Source: kubernetes, pkg/kubeapiserver/options/authentication.go. */
const TOKEN_CACHE_SECONDS = 10;
/** As much as a lease of any kind lasts, and more. */
const MAX_SECONDS = 86_400;

/** Settings of every API server together, with their defaults. */
export const kubernetesSettingsSchema = z.strictObject({
  /** Seconds for which a token that was good is not looked at again; 0 looks every time. */
  tokenCacheSeconds: z.number().min(0).max(MAX_SECONDS).default(TOKEN_CACHE_SECONDS),
  /** Longest life of a ServiceAccount's token in seconds, to which a request is shortened; 0 is without end. */
  maxTokenSeconds: z.int().min(0).max(MAX_SECONDS).default(0),
});
/** See kubernetesSettingsSchema. */
export type KubernetesSettings = z.infer<typeof kubernetesSettingsSchema>;

/** The settings as they are now, for the control endpoint and the API servers. */
export type KubernetesControl = {
  settings(): KubernetesSettings;
  change(settings: KubernetesSettings): void;
  reset(): void;
};

export function createKubernetesControl(): KubernetesControl {
  let current = kubernetesSettingsSchema.parse({});
  return {
    settings: () => current,
    change(settings) {
      current = settings;
    },
    reset() {
      current = kubernetesSettingsSchema.parse({});
    },
  };
}
