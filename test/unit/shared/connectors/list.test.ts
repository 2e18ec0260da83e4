import { describe, expect, test } from "vitest";
import { type ConnectorFilter, listConnectors } from "../../../../shared/connectors/list.ts";
import { ADMIN, connector, connectorStore, USER } from "../../../support/fakes.ts";

const ANY: ConnectorFilter = { name: null, resourceType: null, label: null, owner: null };

function parts(count = 6) {
  const store = connectorStore();
  for (let index = 0; index < count; index++) {
    const name = `c${String(index).padStart(5, "0")}`;
    const labels = { team: index % 2 === 0 ? "vision" : "speech" };
    const owner = index % 3 === 0 ? USER.id : ADMIN.id;
    store.rows.set(name, connector({ name, labels, owner, resourceTypes: index === 0 ? ["azure-generic"] : [] }));
  }
  return store;
}
const namesOf = async (store: ReturnType<typeof parts>, filter: Partial<ConnectorFilter>, by = ADMIN) =>
  (await listConnectors(store, by, { ...ANY, ...filter }, null, 100)).items.map(({ name }) => name);

describe("listConnectors", () => {
  test("an administrator sees all by name, others what they may see", async () => {
    expect(await namesOf(parts(3), {})).toEqual(["c00000", "c00001", "c00002"]);
    expect(await namesOf(parts(6), {}, USER)).toEqual(["c00000", "c00003"]);
  });

  test.each<[Partial<ConnectorFilter>, string[]]>([
    [{ name: "c00001" }, ["c00001"]],
    [{ name: "c0000" }, []],
    [{ label: "team" }, ["c00000", "c00001", "c00002", "c00003"]],
    [{ label: "team=speech" }, ["c00001", "c00003"]],
    [{ label: "team=" }, []],
    [{ label: "constructor" }, []],
    [{ owner: USER.id }, ["c00000", "c00003"]],
    [{ resourceType: "blob-container" }, ["c00001", "c00002", "c00003"]],
    [{ resourceType: "azure-generic", label: "team=vision" }, ["c00000", "c00002"]],
  ])("%j", async (filter, expected) => {
    expect(await namesOf(parts(4), filter)).toEqual(expected);
  });

  test("page by page every one comes once, whatever is filtered and however long the list", async () => {
    const store = parts(4500);
    const seen: string[] = [];
    let pages = 0;
    for (let after: string | null = null; ; pages++) {
      const page: Awaited<ReturnType<typeof listConnectors>> = await listConnectors(store, USER, ANY, after, 100);
      seen.push(...page.items.map(({ name }) => name));
      expect(page.items.length).toBeLessThanOrEqual(100);
      after = page.next;
      if (after === null) break;
    }
    expect(seen).toHaveLength(1500);
    expect(new Set(seen).size).toBe(1500);
    expect(pages).toBeLessThan(40);
  });

  test("one question looks at 2,000 records at most, and says where to go on", async () => {
    const page = await listConnectors(parts(2500), ADMIN, { ...ANY, name: "c02400" }, null, 10);
    expect([page.items.length, page.next]).toEqual([0, "c01999"]);
  });
});
