/** A registry's token that takes 20 seconds, and an API server that hangs. At once: each waits for its own time. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { createApi } from "../support/api.ts";
import { borrowCluster, borrowRegistry, lent, REGISTRY_ID, registerContainers } from "../support/containers.ts";
import { createControl } from "../support/control.ts";
import { sharedSystem } from "../support/shared-system.ts";
import { openStateAccount } from "../support/state-account.ts";
import { makeDue, sweepNow } from "../support/sweep-now.ts";
import { leftInCluster, leftInRegistry, serverOf, tokenByLogin } from "../support/use-lent.ts";

/** What Azure was seen to take for a token. */
const TOKEN_MS = 20_000;
/** Longer than anybody waits for an API server. */
const HANGS_MS = 120_000;

const system = sharedSystem();
const api = createApi(system);
const control = createControl(system);

beforeAll(async () => {
  for (const name of ["logins-main", "clusters-vision", "clusters-whole"]) {
    await registerContainers(system, api, name);
  }
});
afterAll(async () => {
  await control.clear();
});

it("the login is lent after all, the kubeconfig is not, and nothing is left of either", async () => {
  const server = serverOf(lent(await borrowCluster(api, "clusters-whole", { form: "exec" })).credential.kubeconfig);
  await control.fault(
    { service: "arm", method: "PUT", path: "/tokens/", latencyMs: TOKEN_MS },
    { service: "kubernetes", method: "POST", latencyMs: HANGS_MS },
  );
  const scope = { repositories: ["vision/train"] };
  const [login, kubeconfig] = await Promise.all([
    borrowRegistry(api, "logins-main", { form: "docker-login", scope }),
    borrowCluster(api, "clusters-vision"),
  ]);
  expect(await control.clear()).toBeGreaterThan(1);
  expect([login.status, kubeconfig.status, kubeconfig.body.code], login.text).toEqual([201, 504, "UPSTREAM_TIMEOUT"]);
  const { leaseId, credential } = lent(login);
  expect(await tokenByLogin(system, credential, "repository:vision/train:pull")).not.toBeNull();
  expect((await api.call("DELETE", `leases/${leaseId}`)).status).toBe(200);
  await makeDue(system);
  await sweepNow(system);
  expect(await leftInRegistry(system, api, REGISTRY_ID)).toEqual([]);
  expect(await leftInCluster(system, api, server, "vision")).toEqual([]);
  expect(await openStateAccount(system).rows("RegistryTokens")).toEqual([]);
});
