import { describe, expect, test } from "vitest";
import type { Connector } from "../../../../shared/connectors/connector.ts";
import type { Limits } from "../../../../shared/connectors/inventory.ts";
import { createKnown } from "../../../../shared/connectors/known.ts";
import type { Cluster, Registry } from "../../../../shared/connectors/ports.ts";
import { openCluster, openContainer, openRegistry } from "../../../../shared/connectors/use.ts";
import {
  azureView,
  connector,
  NOW,
  OWN_ACCOUNTS,
  registerParts,
  SUBSCRIPTION,
  signIn,
} from "../../../support/fakes.ts";
import { cluster } from "../../../support/fakes-cluster.ts";

const ACCOUNT = `/subscriptions/${SUBSCRIPTION}/resourceGroups/group/providers/Microsoft.Storage/storageAccounts/accountone`;
const DATA = `${ACCOUNT}/blobServices/default/containers/data`;

function parts() {
  const journal: string[] = [];
  const accounts = { "group/accountone": ["data"] };
  const made = registerParts(() => azureView(accounts, journal));
  let at = NOW.getTime();
  const now = () => new Date(at);
  const find = made.deps.store.find;
  const store = {
    find: async (name: string) => {
      journal.push(`find ${name}`);
      return find(name);
    },
  };
  const deps = { ...made.deps, ...createKnown({ ...made.deps, store, now }), now, ownAccounts: OWN_ACCOUNTS };
  const put = (changes: Partial<Connector> = {}) => {
    const stored = connector(changes);
    made.store.rows.set(stored.name, stored);
  };
  put();
  const open = (id = DATA) => openContainer(deps, connector().name, id);
  const pass = (seconds: number) => {
    at += seconds * 1000;
  };
  return { journal, accounts, open, put, pass };
}

describe("createKnown", () => {
  test("a warm use asks neither the table nor ARM; the record is read again after 10 seconds", async () => {
    const { journal, open, pass } = parts();
    await open();
    expect(journal).toEqual([`find ${connector().name}`, "container accountone/data"]);
    journal.length = 0;
    pass(9);
    await open();
    expect(journal).toEqual([]);
    pass(1);
    await open(DATA.toUpperCase().replace(/SUBSCRIPTIONS/, "subscriptions"));
    expect(journal).toEqual([`find ${connector().name}`]);
  });

  test("the container is asked for again after 5 minutes, and with another version of the secret", async () => {
    const { journal, open, pass, put } = parts();
    await open();
    put({ secret: { kind: "clientSecret", name: "s", version: "v2", endsAt: null } });
    pass(10);
    journal.length = 0;
    await open();
    expect(journal).toContain("container accountone/data");
    journal.length = 0;
    pass(300);
    await open();
    expect(journal).toContain("container accountone/data");
  });

  test("a container that was not there is seen as soon as it is", async () => {
    const { open, accounts } = parts();
    const late = DATA.replace(/data$/, "late");
    await expect(open(late)).rejects.toMatchObject({ code: "RESOURCE_NOT_FOUND" });
    accounts["group/accountone"].push("late");
    expect(await open(late)).toMatchObject({ resourceId: late });
  });

  test("limits of the connector hold for what is known, too", async () => {
    const { open, put, pass } = parts();
    await open();
    put({ resourceId: `${ACCOUNT}/blobServices/default/containers/other` });
    pass(10);
    await expect(open()).rejects.toMatchObject({ code: "DENIED" });
    put({ state: "disabled" });
    pass(10);
    await expect(open()).rejects.toMatchObject({ code: "CONNECTOR_DISABLED" });
  });
});

describe("for tokens", () => {
  const limits: Limits = { configuration: connector().configuration, resourceId: null, ownAccounts: [] };
  function tokenParts() {
    const journal: string[] = [];
    const subscriptions = [{ subscriptionId: SUBSCRIPTION, displayName: "One" }];
    const made = registerParts(() => azureView({}));
    let at = NOW.getTime();
    const known = createKnown({
      ...made.deps,
      openAzure: () => ({
        ...azureView({}),
        async subscriptions() {
          journal.push("list");
          return subscriptions;
        },
      }),
      secrets: {
        ...made.deps.secrets,
        async get(name, version) {
          journal.push(`get ${name} ${version}`);
          return "s";
        },
      },
      now: () => new Date(at),
    });
    const resolve = (text: string, within = limits, key: string | null = "k") =>
      known.resolveSubscription(signIn({ key }), within, text);
    const pass = (seconds: number) => {
      at += seconds * 1000;
    };
    return { journal, subscriptions, known, resolve, pass };
  }

  test("a subscription is asked for once in 5 minutes, for each sign-in and limits", async () => {
    const { journal, resolve, pass } = tokenParts();
    await resolve("One");
    pass(299);
    expect(await resolve("One")).toMatchObject({ subscriptionId: SUBSCRIPTION });
    expect(journal).toHaveLength(1);
    pass(1);
    await resolve("One");
    await resolve("One", limits, "other");
    await resolve("One", limits, null);
    await resolve("One", limits, null);
    expect(journal).toHaveLength(5);
    const elsewhere = { ...limits, resourceId: "/subscriptions/00000000-0000-4000-8000-000000000000" };
    await expect(resolve("One", elsewhere)).rejects.toMatchObject({ code: "RESOURCE_NOT_FOUND" });
  });

  test("one that was not there is seen as soon as it is", async () => {
    const { subscriptions, resolve } = tokenParts();
    await expect(resolve("Two")).rejects.toMatchObject({ code: "RESOURCE_NOT_FOUND" });
    subscriptions.push({ subscriptionId: "11111111-2222-4333-8444-555555555555", displayName: "Two" });
    expect(await resolve("Two")).toMatchObject({ displayName: "Two" });
  });

  test("a secret is read again after a minute, and another version at once", async () => {
    const { journal, known, pass } = tokenParts();
    await known.secrets.get("a", "1");
    pass(59);
    await known.secrets.get("a", "1");
    await known.secrets.get("a", "2");
    expect(journal).toEqual(["get a 1", "get a 2"]);
    pass(1);
    await known.secrets.get("a", "1");
    expect(journal).toHaveLength(3);
  });
});

describe("for registries and clusters", () => {
  const group = `/subscriptions/${SUBSCRIPTION}/resourceGroups/ml/providers`;
  const registryId = (name: string) => `${group}/Microsoft.ContainerRegistry/registries/${name}`;
  const clusterId = (name: string) => `${group}/Microsoft.ContainerService/managedClusters/${name}`;
  const registry = (name: string): Registry => ({
    ...{ subscriptionId: SUBSCRIPTION, resourceGroup: "ml", registry: name, tier: "Standard" as const },
    ...{ loginServer: `${name}.azurecr.io`, mode: "legacy" as const, adminUserEnabled: false, takesArmTokens: true },
  });
  function placeParts() {
    let lists = 0;
    const registries: Registry[] = [registry("first1")];
    const clusters: Cluster[] = [cluster({ cluster: "first1" })];
    const listed = async <T>(all: readonly T[]) => {
      lists++;
      return [...all];
    };
    const view = { ...azureView({}), registries: () => listed(registries), clusters: () => listed(clusters) };
    const made = registerParts(() => view);
    const deps = { ...made.deps, ...createKnown(made.deps), ownAccounts: OWN_ACCOUNTS };
    const stored = connector({ resourceTypes: ["docker-registry", "kubernetes-cluster"] });
    made.store.rows.set(stored.name, stored);
    return {
      registries,
      clusters,
      openRegistry: (name: string) => openRegistry(deps, stored.name, registryId(name), registryId(name)),
      openCluster: (name: string) => openCluster(deps, stored.name, clusterId(name)),
      lists: () => lists,
    };
  }

  test("what is made beside what is known already is seen at once", async () => {
    const made = placeParts();
    await made.openRegistry("first1");
    await made.openCluster("first1");
    made.registries.push(registry("second1"));
    made.clusters.push(cluster({ cluster: "second1" }));
    expect(await made.openRegistry("second1")).toMatchObject({ resourceId: registryId("second1") });
    expect(await made.openCluster("second1")).toMatchObject({ resourceId: clusterId("second1") });
    expect(made.lists()).toBe(4);
  });

  test("what is known is not listed again; what is not there is looked for once more, and no oftener", async () => {
    const made = placeParts();
    for (let times = 0; times < 3; times++) await made.openRegistry("first1");
    expect(made.lists()).toBe(1);
    await expect(made.openRegistry("third1")).rejects.toMatchObject({ code: "RESOURCE_NOT_FOUND" });
    expect(made.lists()).toBe(2);
  });
});
