import { describe, expect, test } from "vitest";
import type { Connector } from "../../../../shared/connectors/connector.ts";
import { createKnown } from "../../../../shared/connectors/known.ts";
import { openContainer } from "../../../../shared/connectors/use.ts";
import { azureView, connector, NOW, OWN_ACCOUNTS, registerParts, SUBSCRIPTION } from "../../../support/fakes.ts";

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
    put({ secretVersion: "v2" });
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
