/** Connectors in Table Storage: names taken once, lists in order, and truth when replies are lost. */
import { randomUUID } from "node:crypto";
import { TableClient } from "@azure/data-tables";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Connector } from "../../shared/connectors/connector.ts";
import type { ConnectorStore } from "../../shared/connectors/ports.ts";
import { createConnectorStore } from "../../shared/store/connector-records.ts";
import { openTable } from "../../shared/store/tables.ts";
import { credentialOf } from "../support/application-tokens.ts";
import { type Control, createControl } from "../support/control.ts";
import { CLIENT, connector, TENANT } from "../support/fakes.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { STATE_TABLES, stateTable } from "../support/product-parts.ts";

let azure: LocalAzure;
let control: Control;
let store: ConnectorStore;

beforeAll(async () => {
  azure = await startLocalAzure();
  control = createControl(azure);
  store = createConnectorStore(stateTable(azure, "Connectors", "STATE_UNAVAILABLE"));
});
afterAll(() => azure.stop());
afterEach(() => control.clear());

function fresh(name: string, changes: Partial<Connector> = {}): Connector {
  const id = randomUUID();
  return connector({
    name,
    id,
    secret: { kind: "clientSecret", name: `connector-${id}`, version: "v1", endsAt: null },
    ...changes,
  });
}
async function namesOf(limit: number): Promise<string[][]> {
  const pages: string[][] = [];
  for (;;) {
    const page = (await store.list(pages.at(-1)?.at(-1) ?? null, limit)).map(({ name }) => name);
    if (page.length === 0) return pages;
    pages.push(page);
  }
}

// First in the file: nothing has been written yet, so the table is not there.
test("a table that nobody has made is empty: nothing found, nothing listed, nothing to remove", async () => {
  expect(await store.find("nobody")).toBeNull();
  expect(await store.find(randomUUID())).toBeNull();
  expect(await store.list(null, 10)).toEqual([]);
  await store.remove(fresh("nobody"));
});

describe("insert and find", () => {
  test("gives back every field, by name and by id in any case, with its ETag", async () => {
    const full = fresh("full", {
      configuration: {
        tenantId: TENANT,
        clientId: CLIENT,
        subscriptionId: TENANT,
        resourceGroup: "group",
        storageAccount: "accountone",
      },
      resourceTypes: ["blob-container"],
      resourceId: "/subscriptions/x",
      labels: { team: `ä "quoted" 'x'` },
      users: [`group:${TENANT}`],
      visibility: "shared",
      expiresAt: "2027-01-01T00:00:00Z",
    });
    const { etag } = await store.insert(full);
    expect(etag).toMatch(/^W\/".+"$/);
    for (const nameOrId of ["full", full.id, full.id.toUpperCase()]) {
      expect(await store.find(nameOrId)).toEqual({ connector: full, etag });
    }
    const bare = fresh("bare", { checkedAt: null, state: "unverified" });
    await store.insert(bare);
    expect((await store.find("bare"))?.connector).toEqual(bare);
  });

  test("a name that is taken: NAME_TAKEN, and the first one stays", async () => {
    const first = fresh("taken");
    const { etag } = await store.insert(first);
    const second = fresh("taken");
    await expect(store.insert(second)).rejects.toMatchObject({ code: "NAME_TAKEN" });
    expect(await store.find("taken")).toEqual({ connector: first, etag });
    expect(await store.find(second.id)).toBeNull();
    await store.remove(second);
    expect(await store.find("taken")).toEqual({ connector: first, etag });
  });

  test("many at once for one name: exactly one gets it", async () => {
    const all = Array.from({ length: 6 }, () => fresh("race"));
    const results = await Promise.allSettled(all.map((candidate) => store.insert(candidate)));
    const winners = all.filter((_, index) => results[index]?.status === "fulfilled");
    expect(winners).toHaveLength(1);
    expect((await store.find("race"))?.connector.id).toBe(winners[0]?.id);
  });

  test("an id finds its own connector alone, also when another's name is in its form", async () => {
    const byId = fresh("has-an-id");
    await store.insert(byId);
    // Registering refuses such a name; even a row that has it answers for nobody else.
    await store.insert(fresh(byId.id));
    expect((await store.find(byId.id))?.connector).toEqual(byId);
  });

  test("a name in quotes finds nothing but itself", async () => {
    expect(await store.find("x' or RowKey gt '")).toBeNull();
  });
});

test("remove: takes name and id away, and the name is free again; twice is no error", async () => {
  const gone = fresh("gone");
  await store.insert(gone);
  await store.remove(gone);
  await store.remove(gone);
  expect([await store.find("gone"), await store.find(gone.id)]).toEqual([null, null]);
  await store.insert(fresh("gone"));
});

describe("list", () => {
  test("by name in pages of any size, without gap or repetition", async () => {
    for (const name of ["b", "a-1", "a", "b-2", "0"]) await store.insert(fresh(name));
    const all = (await namesOf(500)).flat();
    expect(all).toEqual(all.toSorted());
    expect(all).toEqual(expect.arrayContaining(["0", "a", "a-1", "b", "b-2"]));
    for (const limit of [1, 2, all.length]) expect((await namesOf(limit)).flat()).toEqual(all);
    expect((await namesOf(2))[0]).toHaveLength(2);
  });
});

test("a damaged record is never used", async () => {
  const damaged = fresh("damaged");
  await store.insert(damaged);
  const table = new TableClient(STATE_TABLES, "Connectors", credentialOf(azure, "latchkey-service"));
  const row = { partitionKey: "c", rowKey: "n~damaged" };
  await table.updateEntity({ ...row, configurationJson: '{"tenantId":"common"}' }, "Merge");
  await expect(store.find("damaged")).rejects.toThrow();
  await table.updateEntity({ ...row, configurationJson: "not json" }, "Merge");
  await expect(store.find("damaged")).rejects.toThrow();
  await table.deleteEntity(row.partitionKey, row.rowKey);
});

describe("faults", () => {
  test("a lost reply is no clash: the connector is there, once", async () => {
    const lost = fresh("lost-reply");
    await control.fault({ service: "storage", method: "POST", path: "\\$batch", dropReply: true, times: 1 });
    await store.insert(lost);
    expect(await control.clear()).toBe(1);
    expect((await store.find("lost-reply"))?.connector).toEqual(lost);
  });

  test("a lost request is sent again", async () => {
    await control.fault({ service: "storage", method: "POST", path: "\\$batch", drop: true, times: 1 });
    const lost = fresh("lost-request");
    await store.insert(lost);
    expect(await control.clear()).toBe(1);
    expect((await store.find("lost-request"))?.connector).toEqual(lost);
  });

  test.each([{ status: 503, retryAfterSeconds: 1 }, { status: 429, retryAfterSeconds: 1 }, { status: 500 }])(
    "$status is STATE_UNAVAILABLE, and nothing is kept",
    async (fault) => {
      const name = `at-${fault.status}`;
      await control.fault({ service: "storage", ...fault });
      const failure = {
        code: "STATE_UNAVAILABLE",
        retryAfterSeconds: fault.retryAfterSeconds ?? null,
        failure: { status: fault.status },
      };
      await expect(store.insert(fresh(name))).rejects.toMatchObject(failure);
      await expect(store.find(name)).rejects.toMatchObject(failure);
      await expect(store.list(null, 1)).rejects.toMatchObject(failure);
      await control.clear();
      expect(await store.find(name)).toBeNull();
    },
  );

  test("a Retry-After of a minute ends every call at the first answer, and says so", async () => {
    await store.insert(fresh("before-the-minute"));
    const failure = { code: "STATE_UNAVAILABLE", retryAfterSeconds: 60 };
    for (const call of [() => store.insert(fresh("minute")), () => store.find("minute"), () => store.list(null, 1)]) {
      await control.fault({ service: "storage", status: 503, retryAfterSeconds: 60 });
      await expect(call()).rejects.toMatchObject(failure);
      expect(await control.clear()).toBe(1);
    }
    expect(await store.find("minute")).toBeNull();
  });

  test("a process whose first write met a fault makes the table at its next", async () => {
    const first = createConnectorStore(stateTable(azure, "LateConnectors", "STATE_UNAVAILABLE"));
    await control.fault({ service: "storage", path: "/Tables", status: 503 });
    await expect(first.insert(fresh("late"))).rejects.toMatchObject({ code: "STATE_UNAVAILABLE" });
    await control.clear();
    await first.insert(fresh("late"));
    expect((await first.find("late"))?.connector.name).toBe("late");
  });

  test("an identity without the role is STATE_UNAVAILABLE, and no token is carried along", async () => {
    const identity = credentialOf(azure, "stranger");
    const table = openTable({ url: STATE_TABLES, name: "Connectors", identity, unavailable: "STATE_UNAVAILABLE" });
    await expect(createConnectorStore(table).find("x")).rejects.toMatchObject({
      code: "STATE_UNAVAILABLE",
      failure: { status: 403, code: "AuthorizationPermissionMismatch" },
    });
  });
});
