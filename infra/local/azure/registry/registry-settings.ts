/** How the registries misbehave and what they limit: what tests set through registry-control-routes.ts. */
import { z } from "zod";
import { type Access, REPOSITORY_ACTIONS } from "./access.ts";
import type { RegistryContent } from "./registry-content.ts";
import { createRequestCounts, limitsSchema, type RequestCounts, retryAfterSchema } from "./registry-limits.ts";

/** A repository that nobody asks for. */
const UNASKED = "unasked/repository";

/** What can be set. */
export const registrySettingsSchema = z.strictObject({
  /**
   * What access tokens hold: what is granted, with every action in the place of each repository's (`more`), with one
   * repository besides (`other`), or without the last action of each (`less`).
   */
  grants: z.enum(["asked", "more", "other", "less"]).default("asked"),
  /** Requests that a registry takes a minute. */
  limits: limitsSchema.default(null),
  /** What a registry says to those beyond. */
  retryAfter: retryAfterSchema.default("dynamic"),
  /** Whether lists of manifests tell the type and the subject of an artifact: no source shows that they do. */
  artifactFields: z.boolean().default(true),
});

/** All settings. */
export type RegistrySettings = z.infer<typeof registrySettingsSchema>;

/** Settings of one local Azure's registries. */
export type RegistryControl = {
  settings(): RegistrySettings;
  /** Replaces those that are given. Full buckets where limits are among them. */
  change(settings: Partial<RegistrySettings>): void;
  /** Settings as at the start, and nothing counted yet. */
  reset(): void;
  readonly requests: RequestCounts;
  /** What each registry stores, by login server; put here when it is opened. */
  readonly contents: Map<string, RegistryContent>;
  /** What a token holds in the place of what was granted. */
  distort(granted: readonly Access[]): readonly Access[];
};

export function createRegistryControl(): RegistryControl {
  let settings = registrySettingsSchema.parse({});
  const requests = createRequestCounts();
  return {
    requests,
    contents: new Map(),
    settings: () => settings,
    change(changed) {
      settings = { ...settings, ...changed };
    },
    reset() {
      settings = registrySettingsSchema.parse({});
      requests.clear();
    },
    distort(granted) {
      switch (settings.grants) {
        case "asked":
          return granted;
        case "more":
          return granted.map((one) => (one.type === "repository" ? { ...one, actions: REPOSITORY_ACTIONS } : one));
        case "other":
          return [...granted, { type: "repository", name: UNASKED, actions: ["pull"] }];
        case "less":
          return granted
            .map((one) => ({ ...one, actions: one.actions.slice(0, -1) }))
            .filter(({ actions }) => actions.length > 0);
      }
    },
  };
}
