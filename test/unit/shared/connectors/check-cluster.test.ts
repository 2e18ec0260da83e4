import { expect, test } from "vitest";
import type { Check } from "../../../../shared/connectors/check.ts";
import { checkCluster } from "../../../../shared/connectors/check-cluster.ts";
import { createCheckContext } from "../../../../shared/connectors/check-context.ts";
import type { Cluster, Permission } from "../../../../shared/connectors/ports.ts";
import { azureView, OBJECT } from "../../../support/fakes.ts";
import { CLUSTER_ID, cluster } from "../../../support/fakes-cluster.ts";
import { permission, verifyAsk } from "../../../support/fakes-verify.ts";

const OWNER = permission({ actions: ["*"] });
const READER = permission({ actions: ["*/read"] });

async function look(changes: Partial<Cluster>, permissions: readonly Permission[] = []): Promise<Check> {
  const { probes, who } = verifyAsk({});
  const { context } = createCheckContext({ ...azureView({}), permissions: async () => permissions }, probes, who);
  const details = cluster(changes);
  const resourceType = "kubernetes-cluster";
  return checkCluster(context, { resourceType, resourceId: CLUSTER_ID, displayName: "ml/training", details });
}

/** `access: ok code`, with the role that mends it. */
const summary = ({ access }: Check) =>
  Object.fromEntries(
    access.map(({ access: name, ok, code, remedy }) => [
      name,
      [ok, code, remedy?.role ?? null].filter((part) => part !== null).join(" "),
    ]),
  );

const USER = permission({ actions: ["Microsoft.ContainerService/managedClusters/listClusterUserCredential/action"] });

test("a user's role serves for use and not for administration", async () => {
  const found = await look({}, [USER]);
  expect(found.state).toBe("ok");
  expect(summary(found)).toEqual({
    use: "true NOT_PROVED",
    admin: "false ROLE_MISSING Azure Kubernetes Service Cluster Admin Role",
  });
  expect(found.access[1]?.remedy?.optional).toBe(true);
});

test("Reader may list it and not use it", async () => {
  expect(summary(await look({}, [READER]))).toMatchObject({
    use: "false ROLE_MISSING Azure Kubernetes Service Cluster User Role",
  });
});

test("without local accounts nobody administrates, Owner neither", async () => {
  const found = await look({ hasLocalAccounts: false }, [OWNER]);
  expect(summary(found)).toEqual({ use: "true NOT_PROVED", admin: "false LOCAL_ACCOUNTS_DISABLED" });
});

const CLUSTERS = "Microsoft.ContainerService/managedClusters";
const LENDER = ["serviceaccounts/write", "secrets/read", "secrets/write", "secrets/delete"];
test("what service-account does inside is told as far as Azure lists it, and is else not proved", async () => {
  const lender = permission({ dataActions: LENDER.map((action) => `${CLUSTERS}/${action}`) });
  const { access } = await look({}, [USER, lender]);
  expect(access[0]).toMatchObject({ ok: true, proof: "assigned", code: null, message: null });
  for (const missing of LENDER) {
    const dataActions = LENDER.filter((action) => action !== missing).map((action) => `${CLUSTERS}/${action}`);
    const { access: less } = await look({}, [USER, permission({ dataActions })]);
    expect(less[0], missing).toMatchObject({ ok: true, code: "NOT_PROVED" });
  }
  const none = await look({ hasEntra: false, hasAzureRbac: false }, [USER]);
  expect(none.access[0]).toMatchObject({ ok: true, code: null });
});

test("where its own role bindings decide, the commands for one namespace are there, and none for the cluster", async () => {
  const lender = permission({ dataActions: [`${CLUSTERS}/*`] });
  const found = await look({ hasAzureRbac: false }, [USER, lender]);
  const [{ code, message } = { code: null, message: null }] = found.access;
  expect(code).toBe("NOT_PROVED");
  expect(message).toContain(`--user=${OBJECT}`);
  expect(message).toContain("--resource-name=latchkey");
  expect(message).not.toContain("clusterrole");
});

test.each([
  [{}, ["AZURE_RBAC"]],
  [{ hasAzureRbac: false }, ["KUBERNETES_RBAC"]],
  [{ hasEntra: false, hasAzureRbac: false }, ["NO_ENTRA"]],
  [{ hasLocalAccounts: false }, ["AZURE_RBAC", "LOCAL_ACCOUNTS_DISABLED"]],
  [{ isRunning: false, isPrivate: true }, ["AZURE_RBAC", "STOPPED", "PRIVATE"]],
])("%j: findings %j", async (changes, findings) => {
  expect((await look(changes)).findings).toEqual(findings);
});
