/** A connector that has an access token for ARM alone: which forms it lends, and that plans say which it cannot. */
import { beforeAll, expect, it } from "vitest";
import { createApi } from "../support/api.ts";
import { ABAC_ID, borrowCluster, borrowRegistry, CLUSTER_ID, REGISTRY_ID } from "../support/containers.ts";
import { sharedSystem } from "../support/shared-system.ts";
import { leftInRegistry } from "../support/use-lent.ts";

const ARM = "https://management.azure.com/.default";

const system = sharedSystem();
const api = createApi(system);

beforeAll(async () => {
  for (const [name, type, application] of [
    ["registries-arm-token", "docker-registry", "zenml-connector"],
    ["abac-arm-token", "docker-registry", "research-connector"],
    ["clusters-arm-token", "kubernetes-cluster", "zenml-connector"],
  ] as const) {
    const secrets = { token: await api.tokenOf(application, ARM) };
    const how = { authMethod: "access-token", configuration: {}, secrets };
    const answer = await api.register(name, { ...how, resourceTypes: [type] });
    expect(answer.status, answer.text).toBe(201);
  }
});

it.each<[string, string, object, number, string | undefined]>([
  ["a docker login", "registries-arm-token", { resourceId: REGISTRY_ID, form: "docker-login" }, 201, undefined],
  // The registry's token outlives the one that it was got with.
  ["a registry's token", "registries-arm-token", { resourceId: REGISTRY_ID }, 201, undefined],
  ["a registry without tokens for ARM", "abac-arm-token", { resourceId: ABAC_ID }, 422, "UNSUPPORTED_BY_METHOD"],
  ["a cluster with Entra", "clusters-arm-token", { resourceId: CLUSTER_ID }, 422, "UNSUPPORTED_BY_METHOD"],
  ["its exec", "clusters-arm-token", { resourceId: CLUSTER_ID, form: "exec" }, 201, undefined],
])("%s", async (_what, connector, changes, status, code) => {
  const ask = (query = "") =>
    connector === "clusters-arm-token"
      ? borrowCluster(api, connector, changes, query)
      : borrowRegistry(api, connector, changes, query);
  const plan = await ask("?plan=true");
  expect([plan.status, JSON.parse(plan.text).allowed], plan.text).toEqual([200, status === 201]);
  const { body, text, ...answer } = await ask();
  expect([answer.status, body.code], text).toEqual([status, code]);
  if (status === 422) expect(plan.text).toContain(code);
  if (status === 201) expect((await api.call("DELETE", `leases/${body.leaseId}`)).status).toBe(200);
  expect(await leftInRegistry(system, api, REGISTRY_ID)).toEqual([]);
});
