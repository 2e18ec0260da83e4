import { describe, expect, test } from "vitest";
import type { AzureView, Identity } from "../../../shared/connectors/ports.ts";
import { UpstreamError } from "../../../shared/errors.ts";
import { azureView, connector, NOW_TEXT, SUBSCRIPTION, TENANT, USER } from "../../support/fakes.ts";
import { runtimeOf } from "../../support/fakes-http.ts";
import { productRoutes } from "../../support/fakes-routes.ts";

const OTHER = "00000000-0000-4000-8000-00000000000b";
const identity = (name: string, resourceGroup: string, n: number, subscriptionId = SUBSCRIPTION): Identity => ({
  subscriptionId,
  resourceGroup,
  identity: name,
  location: "westeurope",
  clientId: `c0000000-0000-4000-8000-00000000000${n}`,
  principalId: `d0000000-0000-4000-8000-00000000000${n}`,
  tenantId: TENANT,
});
const ALL = [
  identity("userflyterole", "data-plane", 1),
  identity("FlyteUser-b", "data-plane", 2),
  identity("flyteuser-a", "other", 3),
  identity("flyteuser-a", "data-plane", 4, OTHER),
];

function start(broken: readonly string[] = [], changes: Parameters<typeof connector>[0] = {}) {
  const asked: string[] = [];
  const view: AzureView = {
    ...azureView({}),
    subscriptions: async () => [SUBSCRIPTION, OTHER].map((subscriptionId) => ({ subscriptionId, displayName: "x" })),
    async identities(subscriptionId, resourceGroup) {
      asked.push(`${subscriptionId} ${resourceGroup}`);
      if (broken.includes(subscriptionId)) throw new UpstreamError("UPSTREAM_REFUSED", "no", { retryable: false });
      return ALL.filter(
        (found) =>
          found.subscriptionId === subscriptionId && (resourceGroup ?? found.resourceGroup) === found.resourceGroup,
      );
    },
  };
  const { routes, store } = productRoutes(() => view);
  store.rows.set("azure", connector({ name: "azure", ...changes }));
  const list = (query: string, deps: Parameters<typeof runtimeOf>[1] = {}) =>
    runtimeOf(routes, deps).call("identities-list", { url: `https://latchkey.example/api/identities?${query}` });
  return { list, asked, rows: store.rows };
}
const namesOf = (items: unknown) => (items as { name: string }[]).map(({ name }) => name);

describe("GET /identities", () => {
  test("finds identities by the beginning of their names, in any case, with what roles and workloads need", async () => {
    const { json } = await start().list("connector=azure&resourceGroup=data-plane&prefix=FLYTEuser");
    expect(namesOf(json.items)).toEqual(["flyteuser-a", "FlyteUser-b"]);
    expect(json).toMatchObject({ continuationToken: null, pending: [], warnings: [] });
    expect(json.items).toContainEqual({
      resourceId: `/subscriptions/${SUBSCRIPTION}/resourceGroups/data-plane/providers/Microsoft.ManagedIdentity/userAssignedIdentities/FlyteUser-b`,
      name: "FlyteUser-b",
      resourceGroup: "data-plane",
      location: "westeurope",
      clientId: ALL[1]?.clientId,
      principalId: ALL[1]?.principalId,
      tenantId: TENANT,
    });
  });

  test("page by page gives each once, in order, also those of equal names", async () => {
    const { list } = start();
    const seen: string[] = [];
    let token: unknown = null;
    do {
      const { json } = await list(`connector=azure&limit=1${token === null ? "" : `&continuationToken=${token}`}`);
      seen.push(...(json.items as { principalId: string }[]).map(({ principalId }) => principalId.slice(-1)));
      token = json.continuationToken;
    } while (token !== null);
    expect(seen).toEqual(["3", "4", "2", "1"]);
  });

  test("a subscription that could not be listed is told, and does not hide the others", async () => {
    const { json } = await start([OTHER]).list("connector=azure");
    expect(json.items).toHaveLength(3);
    expect(json.pending).toEqual([{ connector: "azure", where: `subscription ${OTHER}`, code: "UPSTREAM_REFUSED" }]);
    expect(json.warnings).toHaveLength(1);
  });

  test("when nothing could be listed it is no empty list", async () => {
    const { json } = await start([SUBSCRIPTION, OTHER]).list("connector=azure");
    expect(json.code).toBe("UPSTREAM_REFUSED");
  });

  test("the connector's group is kept, and nothing outside its limits is looked up", async () => {
    const limited = { configuration: { ...connector().configuration, resourceGroup: "data-plane" } };
    const { list, asked } = start([], limited);
    expect(namesOf((await list("connector=azure")).json.items)).toEqual([
      "flyteuser-a",
      "FlyteUser-b",
      "userflyterole",
    ]);
    const before = asked.length;
    expect((await list("connector=azure&resourceGroup=other")).json.code).toBe("DENIED");
    expect(asked).toHaveLength(before);
  });

  test.each<[string, Parameters<typeof connector>[0]]>([
    ["a single resource", { resourceId: `/subscriptions/${SUBSCRIPTION}` }],
    ["a storage account", { configuration: { ...connector().configuration, storageAccount: "accountone" } }],
  ])("a connector that is limited to %s sees none", async (_what, changes) => {
    const { list, asked } = start([], changes);
    expect((await list("connector=azure")).json.code).toBe("DENIED");
    expect(asked).toEqual([]);
  });

  test.each([
    ["connector=", "INVALID_REQUEST"],
    ["connector=azure&prefix=a/b", "INVALID_REQUEST"],
    ["connector=azure&prefix=..", "INVALID_REQUEST"],
    ["connector=azure&resourceGroup=..", "INVALID_REQUEST"],
    ["connector=azure&resourceGroup=a%2Fb", "INVALID_REQUEST"],
    ["connector=azure&continuationToken=eA", "INVALID_REQUEST"],
    ["connector=azure&nothing=1", "INVALID_REQUEST"],
    ["connector=nobody", "NOT_FOUND"],
  ])("%j is %s", async (query, code) => {
    const { list, asked } = start();
    expect((await list(query)).json.code).toBe(code);
    // A token is read after the list.
    if (!query.includes("Token")) expect(asked).toEqual([]);
  });

  test("an expired connector is not used", async () => {
    expect((await start([], { expiresAt: NOW_TEXT }).list("connector=azure")).json.code).toBe("CONNECTOR_EXPIRED");
  });

  describe("through all connectors", () => {
    const add = ({ rows }: ReturnType<typeof start>, name: string, changes: Parameters<typeof connector>[0] = {}) =>
      rows.set(name, connector({ name, id: `${name.length}`, ...changes }));

    test("what several see is told once, in order, and page by page", async () => {
      const started = start();
      add(started, "second");
      const { json } = await started.list("prefix=flyte");
      expect(namesOf(json.items)).toEqual(["flyteuser-a", "flyteuser-a", "FlyteUser-b"]);
      expect(json).toMatchObject({ continuationToken: null, pending: [], warnings: [] });
      const first = await started.list("prefix=flyte&limit=2");
      const last = await started.list(`prefix=flyte&limit=2&continuationToken=${first.json.continuationToken}`);
      expect(last.json.continuationToken).toBeNull();
      expect([...namesOf(first.json.items), ...namesOf(last.json.items)]).toEqual(namesOf(json.items));
    });

    test("those that may not be used, or whose limits leave no identities, are passed over", async () => {
      const started = start([], { expiresAt: NOW_TEXT });
      add(started, "disabled", { state: "disabled" });
      add(started, "only", { resourceId: `/subscriptions/${SUBSCRIPTION}` });
      add(started, "grouped", { configuration: { ...connector().configuration, resourceGroup: "other" } });
      expect((await started.list("resourceGroup=data-plane")).json).toMatchObject({ items: [], pending: [] });
      expect(started.asked).toEqual([]);
      expect(namesOf((await started.list("")).json.items)).toEqual(["flyteuser-a"]);
    });

    test("one that fails is told, and hides no other", async () => {
      const started = start([OTHER]);
      const configuration = { ...connector().configuration, subscriptionId: OTHER };
      add(started, "broken", { configuration });
      const { json } = await started.list("");
      expect(json.items).toHaveLength(3);
      expect(json.pending).toEqual([
        { connector: "azure", where: `subscription ${OTHER}`, code: "UPSTREAM_REFUSED" },
        { connector: "broken", where: expect.any(String), code: "UPSTREAM_REFUSED" },
      ]);
    });

    test("of very many the first are looked through, and that it is not all is told", async () => {
      const started = start();
      started.rows.clear();
      const configuration = { ...connector().configuration, subscriptionId: SUBSCRIPTION };
      for (let n = 10; n < 51; n++) add(started, `many-${n}`, { configuration });
      const { json } = await started.list("");
      expect([started.asked.length, namesOf(json.items).length]).toEqual([40, 3]);
      expect(json.pending).toMatchObject([{ connector: "many-50" }]);
    });
  });

  test("only administrators", async () => {
    const { json } = await start().list("connector=azure", { verifyCaller: async () => USER });
    expect(json.code).toBe("ROLE_REQUIRED");
  });
});
