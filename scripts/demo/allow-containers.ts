/** A part of the demo: a connector for a registry and a cluster, and what the project vision gets of them. */
import type { LocalSystem } from "../../infra/local/system.ts";
import { applicationOf, type Client } from "./latchkey-client.ts";
import { expectEqual, type Stage } from "./stage.ts";

/** Name of the connector. */
export const CONTAINERS_CONNECTOR = "azure-containers";
/** The registry and the cluster, as people name them. */
export const REGISTRY = "demozenmlcontainerregistry.azurecr.io";
/** See REGISTRY. */
export const CLUSTER = "demo-zenml-demos/demo-zenml-terraform-cluster";
/** For whose work they are lent. */
export const PLACE = { project: "vision", domain: "production" };

/** Done before the first credential is asked for: a process goes by policy for some seconds. @param admin may set it */
export async function allowContainers(stage: Stage, system: LocalSystem, admin: Client): Promise<void> {
  await stage.step(
    `Register ${CONTAINERS_CONNECTOR}; grant repositories below vision/, and one namespace`,
    async (show) => {
      const { clientId, secret } = applicationOf(system.seed, "zenml-connector");
      const registered = await admin.call("POST", "connectors", {
        name: CONTAINERS_CONNECTOR,
        authMethod: "service-principal",
        configuration: { tenantId: system.seed.tenant.id, clientId },
        secrets: { clientSecret: secret },
        resourceTypes: ["docker-registry", "kubernetes-cluster"],
      });
      expectEqual("status", registered.status, 201);
      const group = `/subscriptions/${system.seed.subscriptions[0]?.id}/resourceGroups/demo-zenml-demos`;
      const images = {
        connector: CONTAINERS_CONNECTOR,
        ...PLACE,
        resourceId: `${group}/providers/Microsoft.ContainerRegistry/registries/demozenmlcontainerregistry`,
        scope: { repositories: ["vision/*"] },
        access: ["read", "write"],
        forms: ["access-token", "docker-login"],
      };
      const namespace = {
        connector: CONTAINERS_CONNECTOR,
        ...PLACE,
        resourceId: `${group}/providers/Microsoft.ContainerService/managedClusters/demo-zenml-terraform-cluster`,
        scope: { namespace: "vision" },
        access: ["use"],
      };
      expectEqual("status", (await admin.create("grants/vision-images", images)).status, 200);
      expectEqual("status", (await admin.create("grants/vision-cluster", namespace)).status, 200);
      show.table(
        ["RECORD", "WHAT", "MAY"],
        [
          ["grant vision-images", `${REGISTRY}: vision/*`, "read, write; as a token or a docker login"],
          ["grant vision-cluster", `${CLUSTER}: namespace vision`, "use what its ServiceAccount latchkey may"],
        ],
      );
    },
  );
}
