/** What leaves something in Azure is not lent through a connector that was just deleted, though the process still knows it. */
import { afterAll, expect, it } from "vitest";
import { createApi } from "../support/api.ts";
import { borrowCluster, borrowRegistry, lent, REGISTRY_ID, registerContainers } from "../support/containers.ts";
import { sharedSystem } from "../support/shared-system.ts";
import { openStateAccount } from "../support/state-account.ts";
import { leftInCluster, leftInRegistry, serverOf } from "../support/use-lent.ts";

const NAME = "containers-deleted";
const system = sharedSystem();
const api = createApi(system);
const open = new Set<string>();
/** The others of this system must not find what a failure here has left. */
afterAll(async () => {
  for (const leaseId of open) await api.call("DELETE", `leases/${leaseId}`);
});

const borrowLogin = () => borrowRegistry(api, NAME, { form: "docker-login" });
const borrowAccount = () => borrowCluster(api, NAME);
async function remove() {
  const { headers } = await api.call("GET", `connectors/${NAME}`);
  const seen = { "if-match": headers.get("etag") ?? "" };
  return api.call("DELETE", `connectors/${NAME}?force=true`, { headers: seen });
}

it("neither a login nor a ServiceAccount's token is lent, and nothing of them is left", async () => {
  const connectorId = await registerContainers(system, api, NAME);
  const answers = [await borrowLogin(), await borrowAccount()].map(lent);
  for (const { leaseId } of answers) open.add(leaseId);
  expect((await remove()).body.code).toBe("CONNECTOR_IN_USE");
  for (const { leaseId } of answers) {
    expect((await api.call("DELETE", `leases/${leaseId}`)).status).toBe(200);
    open.delete(leaseId);
  }
  const deleted = await remove();
  expect(deleted.status, deleted.text).toBe(204);

  for (const answer of [await borrowLogin(), await borrowAccount()]) {
    if (answer.status === 201) open.add(answer.body.leaseId);
    expect([answer.status, answer.body.code], answer.text).toEqual([404, "NOT_FOUND"]);
  }
  const server = serverOf(answers[1]?.credential.kubeconfig ?? "");
  const left = await Promise.all([
    leftInRegistry(system, api, REGISTRY_ID),
    leftInCluster(system, api, server, "vision"),
  ]);
  expect(left).toEqual([[], []]);
  const rows = await openStateAccount(system).rows("Leases");
  expect(rows.filter((row) => row.connectorId === connectorId && row.state !== "revoked")).toEqual([]);
});
