import { describe, expect, test } from "vitest";
import { type MintDeps, mint } from "../../../../shared/credentials/mint.ts";
import type { VaultSecret } from "../../../../shared/credentials/ports.ts";
import { NOW, NOW_TEXT, SUBSCRIPTION, signIn, TENANT } from "../../../support/fakes.ts";
import { UNUSED_MINTS } from "../../../support/fakes-mint.ts";

const SECRET = "https://examplevault.vault.azure.net/secrets/example-secret";
const SUBSCRIPTION_ID = `/subscriptions/${SUBSCRIPTION}`;
const HOUR_MS = 3_600_000;
const at = (offsetMs: number) => new Date(NOW.getTime() + offsetMs);

function parts(changes: { found?: Partial<VaultSecret> | null; tokenEnd?: Date; connectorEnd?: string } = {}) {
  const asked: unknown[] = [];
  const opened = {
    connector: { id: "id-1", name: "azure", expiresAt: changes.connectorEnd ?? null },
    signIn: signIn(),
  } as const;
  const found = { value: "v", version: "5f0c", contentType: null, notBefore: null, expiresAt: null };
  const never = async () => Promise.reject(new Error("not for this type"));
  const deps: MintDeps = {
    ...UNUSED_MINTS,
    openContainer: never,
    issueBlobSas: never,
    openVaultSecret: async () => ({
      ...opened,
      resourceId: SECRET,
      displayName: "examplevault/example-secret",
      secret: { cloud: "public", vault: "examplevault", name: "example-secret" },
    }),
    async readVaultSecret({ version }) {
      asked.push(version);
      return changes.found === null ? null : { ...found, ...changes.found };
    },
    audienceUri: (name) => `https://${name}.example`,
    async openSubscription(_name, resourceId, text) {
      asked.push(text);
      const subscription = { subscriptionId: SUBSCRIPTION, displayName: "ZenML Subscription" };
      return { ...opened, resourceId, displayName: subscription.displayName, subscription };
    },
    async issueToken({ audience }) {
      asked.push(audience);
      return { token: "the-token", expiresAt: changes.tokenEnd ?? at(HOUR_MS), tenantId: TENANT };
    },
  };
  return { deps, asked };
}
const request = {
  connector: "azure",
  form: "",
  asked: "",
  rule: "grant:g",
  resourceId: SECRET,
  maxTtlSeconds: 3600,
  grantExpiresAt: null,
  access: ["read"],
  scope: {},
  ttlSeconds: null,
};

describe("a vault secret", () => {
  const read = (changes: Parameters<typeof parts>[0] = {}, scope = {}) => {
    const { deps, asked } = parts(changes);
    return { asked, minted: mint(deps, "key-vault-secret", { ...request, scope }, NOW) };
  };

  test("has no end, no mark by which its value could be guessed, and names its version", async () => {
    const { asked, minted } = read();
    expect(await minted).toMatchObject({
      times: { issuedAt: NOW_TEXT, expiresAt: null, refreshAfter: null },
      exposedUntil: null,
      marked: null,
      upstream: { version: "5f0c" },
      credential: { kind: "secret", value: "v", version: "5f0c", contentType: null, mount: null },
      env: { EXAMPLE_SECRET: "v" },
    });
    expect(asked).toEqual([null]);
  });

  test("is read in the version that the scope names", async () => {
    const { asked, minted } = read({}, { version: "abc" });
    await minted;
    expect(asked).toEqual(["abc"]);
  });

  test("with an end of its own says so, and is exposed beyond it", async () => {
    const { minted } = read({ found: { expiresAt: at(1000) } });
    expect(await minted).toMatchObject({ times: { expiresAt: "2026-11-21T10:00:01Z" }, exposedUntil: null });
  });

  test.each<[string, Partial<VaultSecret> | null, string]>([
    ["is not there", null, "RESOURCE_NOT_FOUND"],
    ["ends now", { expiresAt: NOW }, "DENIED"],
    ["ended before", { expiresAt: at(-1000) }, "DENIED"],
    ["begins in a second", { notBefore: at(1000) }, "DENIED"],
    ["is larger than a vault keeps", { value: "é".repeat(12_801) }, "UPSTREAM_REFUSED"],
  ])("that %s is refused", async (_what, found, code) => {
    await expect(read({ found }).minted).rejects.toMatchObject({ code });
  });

  test.each<[string, Partial<VaultSecret>]>([
    ["begins now", { notBefore: NOW }],
    ["is as large as a vault keeps", { value: "é".repeat(12_800) }],
  ])("that %s is given", async (_what, found) => {
    expect(await read({ found }).minted).toMatchObject({ credential: { kind: "secret" } });
  });

  test("whose value no variable can hold has none", async () => {
    expect((await read({ found: { value: "a\0b" } }).minted).env).toEqual({});
  });
});

describe("a token", () => {
  const token = (
    changes: Parameters<typeof parts>[0] = {},
    grantExpiresAt: string | null = null,
    maxTtlSeconds = request.maxTtlSeconds,
  ) => {
    const { deps, asked } = parts(changes);
    const wanted = { asked: "ZenML Subscription", resourceId: SUBSCRIPTION_ID, scope: { audience: "arm" } };
    return {
      asked,
      minted: mint(deps, "azure-generic", { ...request, ...wanted, grantExpiresAt, maxTtlSeconds }, NOW),
    };
  };

  test("ends when it says itself, and warns that it cannot be narrowed", async () => {
    const { asked, minted } = token();
    expect(await minted).toMatchObject({
      resourceId: SUBSCRIPTION_ID,
      times: { issuedAt: NOW_TEXT, expiresAt: "2026-11-21T11:00:00Z", refreshAfter: "2026-11-21T10:48:00Z" },
      exposedUntil: "2026-11-21T11:00:00Z",
      marked: "the-token",
      credential: { kind: "access-token", token: "the-token", audience: "https://arm.example", tenantId: TENANT },
      env: { AZURE_ACCESS_TOKEN: "the-token", AZURE_TENANT_ID: TENANT, AZURE_SUBSCRIPTION_ID: SUBSCRIPTION },
    });
    expect((await minted).warnings).toHaveLength(1);
    expect(asked).toEqual(["ZenML Subscription", "https://arm.example"]);
  });

  test.each([
    ["the grant", {}, "2026-11-21T10:59:59Z"],
    ["the connector", { connectorEnd: "2026-11-21T10:59:59Z" }, null],
  ])("that would outlive %s is refused", async (_what, changes, end) => {
    await expect(token(changes, end).minted).rejects.toMatchObject({ code: "SCOPE_TOO_WIDE" });
  });

  test("that would live half an hour longer than the grant gives is refused, and one that lives longer is told, but for a minute of clocks and calls", async () => {
    await expect(token({}, null, 1799).minted).rejects.toMatchObject({ code: "SCOPE_TOO_WIDE" });
    expect((await token({}, null, 1800).minted).warnings).toHaveLength(2);
    expect((await token({}, null, 3599).minted).warnings).toHaveLength(1);
  });

  test("that ends with the grant is given", async () => {
    expect(await token({}, "2026-11-21T11:00:00Z").minted).toMatchObject({ marked: "the-token" });
  });
});
