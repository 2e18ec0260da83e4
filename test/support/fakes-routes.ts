/** Every route of the product over fakes in memory, as functions/main.ts joins them over Azure. Used by the unit tests. */
import { connectorRoutes } from "../../functions/connectors.ts";
import { credentialRoutes } from "../../functions/credentials.ts";
import { describeApi } from "../../functions/openapi.ts";
import type { Route } from "../../functions/route.ts";
import { statusRoutes } from "../../functions/status.ts";
import { openContainer } from "../../shared/connectors/use.ts";
import type { IssueDeps } from "../../shared/credentials/issue.ts";
import { countingBytes, now, registerParts } from "./fakes.ts";

/** The SAS that every credential is made of. */
export const SAS = "sv=2026-04-06&sr=c&sp=rl&sig=signature";

export function productRoutes(view?: Parameters<typeof registerParts>[0]) {
  const parts = registerParts(view);
  const leases = new Map<string, Parameters<IssueDeps["leases"]["insert"]>[0]>();
  const routes: Route[] = [
    ...connectorRoutes(parts.deps),
    ...credentialRoutes({
      openContainer: (connector, resourceId) => openContainer(parts.deps, connector, resourceId),
      async issueBlobSas({ account, container }) {
        const accountUrl = `https://${account}.blob.core.windows.net`;
        return { accountUrl, containerUrl: `${accountUrl}/${container}`, sasToken: SAS };
      },
      leases: {
        insert: async (lease) => void leases.set(lease.id, lease),
        remove: async (lease) => void leases.delete(lease.id),
      },
      appendAudit: parts.deps.appendAudit,
      computeMac: async () => "v1:00",
      now,
      randomBytes: countingBytes,
    }),
    ...statusRoutes(() => describeApi(routes, "1.2.3")),
  ];
  return { ...parts, leases, routes };
}
