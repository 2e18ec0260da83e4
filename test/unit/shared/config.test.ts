import { describe, expect, test } from "vitest";
import { readConfig, settingsSchema } from "../../../shared/config.ts";

const TENANT = "A79FF333-8f45-4a74-a42e-68871c17b7fb";
const OTHER = "11111111-2222-4333-8444-555555555555";
const good = {
  LATCHKEY_STATE_ACCOUNT: "latchkeystate",
  LATCHKEY_KEY_VAULT: "latchkey-vault",
  LATCHKEY_TENANT_IDS: `${TENANT}, ${OTHER},`,
  LATCHKEY_API_CLIENT_ID: "6F2C1F5E-41a7-4b8e-9c35-0d1b6a7e9f10",
};

function refusalOf(environment: Record<string, string | undefined>): string {
  try {
    readConfig(environment);
  } catch (error) {
    if (error instanceof Error) return error.message;
  }
  throw new Error("nothing was refused");
}

describe("readConfig", () => {
  test("takes lists apart, ids in lower case, defaults for the rest", () => {
    expect(readConfig({ ...good, PATH: "/bin", UNRELATED: "x" })).toEqual({
      cloud: "public",
      stateAccount: "latchkeystate",
      ownAccounts: ["latchkeystate"],
      keyVault: "latchkey-vault",
      deniedResources: [],
      appIdentity: {
        appClientId: null,
        ownClientIds: [],
        assertionClientId: null,
        hasManagedIdentities: false,
        allowsImplicit: false,
      },
      tokenAudiences: [],
      limits: { maxActiveLeases: 1000, maxIssuesPerSecond: 20 },
      purge: { registries: new Map(), maxItems: 50_000, maxSharePercent: 100 },
      callers: {
        tenantIds: [TENANT.toLowerCase(), OTHER],
        apiClientId: "6f2c1f5e-41a7-4b8e-9c35-0d1b6a7e9f10",
        v1Audiences: [],
        oidcIssuers: [],
      },
    });
  });

  test("takes an empty value as absent: the default holds", () => {
    const config = readConfig({ ...good, LATCHKEY_CLOUD: "", LATCHKEY_V1_AUDIENCES: "" });
    expect([config.cloud, config.callers.v1Audiences]).toEqual(["public", []]);
    expect(refusalOf({ ...good, LATCHKEY_KEY_VAULT: "" })).toContain("LATCHKEY_KEY_VAULT");
  });

  const key = Buffer.from("account-key-that-must-stay-inside").toString("base64");
  const CONNECTION = `DefaultEndpointsProtocol=https;AccountName=latchkeyhost;AccountKey=${key};EndpointSuffix=core.windows.net`;
  test.each<[string, Record<string, string>, string[]]>([
    ["a connection string", { AzureWebJobsStorage: CONNECTION }, ["latchkeyhost"]],
    [
      "one that begins with the name",
      { AzureWebJobsStorage: `AccountName=latchkeyhost;AccountKey=${key}` },
      ["latchkeyhost"],
    ],
    ["an account for an identity", { AzureWebJobsStorage__accountName: "latchkeyhost" }, ["latchkeyhost"]],
    ["both", { AzureWebJobsStorage: CONNECTION, AzureWebJobsStorage__accountName: "other" }, ["other", "latchkeyhost"]],
    ["the local emulator", { AzureWebJobsStorage: "UseDevelopmentStorage=true" }, []],
    ["nothing", { AzureWebJobsStorage: "", AzureWebJobsStorage__accountName: "" }, []],
  ])("the host's account is the service's own too, from %s; its key is not kept", (_what, host, expected) => {
    const config = readConfig({ ...good, ...host });
    expect(config.ownAccounts).toEqual(["latchkeystate", ...expected]);
    expect(JSON.stringify(config)).not.toContain(key);
  });

  test("names every wrong setting at once", () => {
    const text = refusalOf({});
    const required = Object.entries(settingsSchema.shape).filter(([, schema]) => !schema.safeParse(undefined).success);
    expect(required).toHaveLength(4);
    for (const [name] of required) expect(text).toContain(name);
  });

  test.each([
    ["LATCHKEY_CLOUD", "moon"],
    ["LATCHKEY_STATE_ACCOUNT", "state.example.org"],
    ["LATCHKEY_KEY_VAULT", "vault/../other"],
    ["LATCHKEY_KEY_VAULT", "a".repeat(25)],
    ["LATCHKEY_TENANT_IDS", "common"],
    ["LATCHKEY_TENANT_IDS", " , "],
    ["LATCHKEY_TENANT_IDS", `${OTHER},organizations`],
    ["LATCHKEY_API_CLIENT_ID", "api"],
    ["LATCHKEY_V1_AUDIENCES", "not a url"],
    ["LATCHKEY_PURGE_REGISTRIES", '{"registry.example.org":{}}'],
    ["LATCHKEY_PURGE_MAX_ITEMS", "0"],
    ["LATCHKEY_PURGE_MAX_ITEMS", "10000001"],
    ["LATCHKEY_PURGE_MAX_SHARE_PERCENT", "101"],
    ["LATCHKEY_PURGE_MAX_SHARE_PERCENT", "0.5"],
  ])("refuses %s = %j without showing the value", (name, value) => {
    const text = refusalOf({ ...good, [name]: value });
    expect(text).toContain(name);
    if (value.trim().length > 3) expect(text).not.toContain(value);
  });
});

test.each([
  "az://own",
  "own",
  "/subscriptions/x",
  "https://v.vault.azure.net/secrets/n/version",
  "http://v.vault.azure.net",
])("%s as a denied resource stops the start: it would deny nothing", (denied) => {
  expect(refusalOf({ ...good, LATCHKEY_DENIED_RESOURCES: denied })).toContain("LATCHKEY_DENIED_RESOURCES");
});
test("ids of all kinds can be denied", () => {
  const subscription = `/subscriptions/${OTHER}`;
  const denied = [subscription, `${subscription}/resourceGroups/g.1/providers/Microsoft.Storage/storageAccounts/a`];
  const urls = ["https://v.vault.azure.net", "https://v.vault.azure.net/secrets/n"];
  const all = [...denied, ...urls];
  expect(readConfig({ ...good, LATCHKEY_DENIED_RESOURCES: all.join(", ") }).deniedResources).toEqual(all);
});
