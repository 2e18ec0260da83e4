/** The registries of the seed by their host names. Used by container-registry.ts. */
import { placed } from "../../placed-resources.ts";
import type { Seed } from "../../seed.ts";

/** A registry as its data plane needs it. */
export type RegistryPlace = {
  /** ARM id. */
  readonly id: string;
  /** Its host name: what its tokens are made out to. */
  readonly loginServer: string;
  readonly tenantId: string;
  readonly mode: "legacy" | "abac";
  readonly takesArmTokens: boolean;
  readonly images: Readonly<Record<string, readonly string[]>>;
};

export function registryPlaces(seed: Seed): readonly RegistryPlace[] {
  return placed(seed, "Microsoft.ContainerRegistry/registries", (group) => group.registries).map(
    ({ id, name, tenantId, resource }) => {
      const label = resource.domainNameLabel === undefined ? name : `${name}-${resource.domainNameLabel}`;
      const { mode, takesArmTokens, images } = resource;
      return { id, loginServer: `${label.toLowerCase()}.azurecr.io`, tenantId, mode, takesArmTokens, images };
    },
  );
}
