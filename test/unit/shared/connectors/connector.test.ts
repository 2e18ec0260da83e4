import { describe, expect, test } from "vitest";
import { connectorRequestSchema, connectorViewSchema, viewOf } from "../../../../shared/connectors/connector.ts";
import { CLIENT, connector, NOW, SECRET, SUBSCRIPTION, TENANT } from "../../../support/fakes.ts";

const good = {
  name: "azure-service-principal",
  authMethod: "service-principal",
  configuration: { tenantId: TENANT, clientId: CLIENT },
  secrets: { clientSecret: SECRET },
};
const isTaken = (changes: object) => connectorRequestSchema.safeParse({ ...good, ...changes }).success;
const configured = (changes: object) => isTaken({ configuration: { ...good.configuration, ...changes } });

describe("connectorRequestSchema", () => {
  test("fills in what may be left out", () => {
    expect(connectorRequestSchema.parse(good)).toEqual({
      ...good,
      cloud: "public",
      configuration: { ...good.configuration, subscriptionId: null, resourceGroup: null, storageAccount: null },
      resourceTypes: [],
      resourceId: null,
      labels: {},
      visibility: "private",
      users: [],
      expiresAt: null,
    });
  });

  test("ids are kept in lower case", () => {
    const configuration = {
      tenantId: TENANT.toUpperCase(),
      clientId: CLIENT,
      subscriptionId: SUBSCRIPTION.toUpperCase(),
    };
    expect(connectorRequestSchema.parse({ ...good, configuration }).configuration).toMatchObject({
      tenantId: TENANT,
      subscriptionId: SUBSCRIPTION,
    });
  });

  test("a name in the form of an id is refused: it could answer for another connector", () => {
    expect(isTaken({ name: "2d9ab631-e7ea-4ad8-94b0-b759db5b8c8d" })).toBe(false);
    expect(isTaken({ name: "2d9ab631-e7ea-4ad8-94b0-b759db5b8c8d-x" })).toBe(true);
  });

  test.each(["a", "0", "a-", "a".repeat(63), "a--b"])("name %s is taken", (name) => {
    expect(isTaken({ name })).toBe(true);
  });
  test.each(["", "-a", "A", "a_b", "a.b", "a/b", "a".repeat(64), "a\n", "ä", "verify", "explain", "policy", "read"])(
    "name %j is refused",
    (name) => {
      expect(isTaken({ name })).toBe(false);
    },
  );

  test.each<[string, object]>([
    ["another auth method", { authMethod: "implicit" }],
    ["another cloud", { cloud: "moon" }],
    ["another resource type", { resourceTypes: ["virtual-machine"] }],
    ["a secret that is empty", { secrets: { clientSecret: "" } }],
    ["no secret", { secrets: {} }],
    ["a second secret", { secrets: { clientSecret: SECRET, certificate: "x" } }],
    ["an unknown field", { plan: true }],
    ["an expiry without a time zone", { expiresAt: "2027-01-01T00:00:00" }],
    ["an expiry that is no date", { expiresAt: "2027-02-30T00:00:00Z" }],
    ["an expiry that is no time at all", { expiresAt: "soon" }],
    ["an expiry that is empty", { expiresAt: "" }],
    ["a label with control characters", { labels: { team: "a\u0001" } }],
    ["a label with a line separator", { labels: { team: "a\u2028b" } }],
    ["a label that is too long", { labels: { team: "a".repeat(256) } }],
    ["a label's name with a space", { labels: { "a b": "x" } }],
    ["too many labels", { labels: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`l${i}`, ""])) }],
    ["a user that is an address", { users: ["admin@zenmldemo.onmicrosoft.com"] }],
    ["a user without a tenant", { users: [`user:${TENANT}`] }],
  ])("refuses %s", (_what, changes) => {
    expect(isTaken(changes)).toBe(false);
  });

  test.each([
    ["2027-01-01T00:00:00.999Z", "2027-01-01T00:00:00Z"],
    ["2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z"],
  ])("the expiry %s is kept as %s", (expiresAt, kept) => {
    expect(connectorRequestSchema.parse({ ...good, expiresAt }).expiresAt).toBe(kept);
  });

  test.each([`group:${TENANT}`, `user:${TENANT}/${CLIENT}`, `app:${TENANT}/${CLIENT}`])("takes the user %s", (user) => {
    expect(isTaken({ users: [user] })).toBe(true);
  });

  test.each<[string, object]>([
    ["a resource group that climbs", { resourceGroup: ".." }],
    ["a resource group that ends with a full stop", { resourceGroup: "a." }],
    ["a resource group with a slash", { resourceGroup: "a/b" }],
    ["an account that is a host", { storageAccount: "a.example.org" }],
    ["a tenant that is a name", { tenantId: "common" }],
    ["an unknown member", { authority: "https://login.example.org" }],
  ])("refuses a configuration with %s", (_what, changes) => {
    expect(configured(changes)).toBe(false);
  });

  test("what is longest still fits a table's column as JSON", () => {
    const labels = Object.fromEntries(
      Array.from({ length: 32 }, (_, index) => [`l${index}`.padEnd(63, "x"), '"'.repeat(255)]),
    );
    const users = Array.from({ length: 100 }, () => `user:${TENANT}/${CLIENT}`);
    const { labels: kept, users: listed } = connectorRequestSchema.parse({ ...good, labels, users });
    // Values over 30,000 characters would belong in a blob.
    for (const value of [kept, listed]) expect(JSON.stringify(value).length).toBeLessThan(30_000);
  });
});

test("viewOf: shows where the secret lies, not which version serves, and never the secret", () => {
  const stored = connector({
    secret: { kind: "clientSecret", name: "name-of-the-secret", version: "version-of-the-secret", endsAt: null },
  });
  const view = viewOf(stored, NOW);
  expect(connectorViewSchema.strict().parse(view)).toEqual(view);
  expect(view.secrets).toEqual({ clientSecret: "[HIDDEN]" });
  expect(view.secretId).toBe("name-of-the-secret");
  expect(JSON.stringify(view)).not.toContain("version-of-the-secret");
});
