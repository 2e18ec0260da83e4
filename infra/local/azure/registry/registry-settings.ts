/** How the registries' token endpoint misbehaves: what tests set through control.ts. */
import { z } from "zod";
import { type Access, REPOSITORY_ACTIONS } from "./access.ts";

/** A repository that nobody asks for. */
const UNASKED = "unasked/repository";

/** What can be set. */
export const registrySettingsSchema = z.strictObject({
  /**
   * What access tokens hold: what is granted, with every action in the place of each repository's (`more`), with one
   * repository besides (`other`), or without the last action of each (`less`).
   */
  grants: z.enum(["asked", "more", "other", "less"]).default("asked"),
});

/** All settings. */
export type RegistrySettings = z.infer<typeof registrySettingsSchema>;

/** Settings of one local Azure's registries. */
export type RegistryControl = {
  settings(): RegistrySettings;
  change(settings: RegistrySettings): void;
  reset(): void;
  /** What a token holds in the place of what was granted. */
  distort(granted: readonly Access[]): readonly Access[];
};

export function createRegistryControl(): RegistryControl {
  let settings = registrySettingsSchema.parse({});
  return {
    settings: () => settings,
    change(changed) {
      settings = changed;
    },
    reset() {
      settings = registrySettingsSchema.parse({});
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
