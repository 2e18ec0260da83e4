import { describe, expect, test } from "vitest";
import type { OpenedRegistry } from "../../../../shared/connectors/ports.ts";
import { type MintRegistryTokenDeps, mintRegistryToken } from "../../../../shared/credentials/registry-token.ts";
import { NOW, NOW_TEXT, signIn } from "../../../support/fakes.ts";
import { openedRegistry, registry } from "../../../support/fakes-registry.ts";

const TOKEN_USER = "00000000-0000-0000-0000-000000000000";
const request = {
  connector: "azure",
  form: "access-token",
  asked: "demozenmlregistry",
  rule: "grant:g",
  resourceId: openedRegistry().resourceId,
  maxTtlSeconds: 3_600,
  grantExpiresAt: null,
  access: ["delete", "read"],
  scope: { repositories: ["team/*", "new"] },
  ttlSeconds: null,
};

function mint(changes: Partial<typeof request> = {}, opened: Partial<OpenedRegistry> = {}, lifeSeconds = 4_500) {
  const asked: unknown[] = [];
  const expiresAt = new Date(NOW.getTime() + lifeSeconds * 1000);
  const deps: MintRegistryTokenDeps = {
    async openRegistry(...by) {
      asked.push(by);
      return openedRegistry(opened);
    },
    async issueRegistryToken(_opened, repositories, access) {
      asked.push([repositories, access]);
      return { token: "narrow", expiresAt };
    },
    async issueRefreshToken() {
      asked.push("whole");
      return { token: "whole", expiresAt };
    },
    listRepositories: async () => ["other", "team/b", "team/a"],
  };
  return { asked, minted: mintRegistryToken(deps, { ...request, ...changes }, NOW) };
}
const authOf = (env: Readonly<Record<string, string>>) => {
  const { auths } = JSON.parse(env.DOCKER_AUTH_CONFIG ?? "");
  return Buffer.from(auths["demozenmlregistry.azurecr.io"].auth, "base64").toString();
};

describe("access-token", () => {
  test("is for the repositories that are meant, by name, and ends when it says itself", async () => {
    const { asked, minted } = mint();
    expect(await minted).toMatchObject({
      displayName: "demozenmlregistry.azurecr.io",
      scope: { repositories: ["new", "team/a", "team/b"] },
      times: { issuedAt: NOW_TEXT, expiresAt: "2026-11-21T11:15:00Z", refreshAfter: "2026-11-21T11:00:00Z" },
      exposedUntil: "2026-11-21T11:15:00Z",
      marked: "narrow",
      upstream: { loginServer: "demozenmlregistry.azurecr.io" },
      credential: { kind: "acr-access-token", loginServer: "demozenmlregistry.azurecr.io", token: "narrow" },
    });
    expect(authOf((await minted).env)).toBe(`${TOKEN_USER}:narrow`);
    expect(asked).toEqual([
      ["azure", request.resourceId, "demozenmlregistry"],
      [
        ["new", "team/a", "team/b"],
        ["read", "delete"],
      ],
    ]);
  });

  test("that outlives what was granted is told, and refused when it does so by far or outlives its connector", async () => {
    expect((await mint().minted).warnings).toHaveLength(1);
    expect((await mint({ maxTtlSeconds: 4_500 }).minted).warnings).toEqual([]);
    const tooWide = { code: "SCOPE_TOO_WIDE" };
    await expect(mint({ maxTtlSeconds: 2_699 }).minted).rejects.toMatchObject(tooWide);
    const connector = { id: "id-1", name: "azure", expiresAt: "2026-11-21T11:14:59Z" };
    await expect(mint({}, { connector }).minted).rejects.toMatchObject(tooWide);
  });

  test("of a registry that takes no tokens for ARM is not asked for with one", async () => {
    const found = { registry: registry({ takesArmTokens: false }), signIn: signIn({ authMethod: "access-token" }) };
    for (const form of ["access-token", "registry-wide"]) {
      const { asked, minted } = mint({ form }, found);
      await expect(minted).rejects.toMatchObject({ code: "UNSUPPORTED_BY_METHOD" });
      expect(asked).toHaveLength(1);
    }
  });
});

describe("registry-wide", () => {
  const whole = { form: "registry-wide", scope: { repositories: ["*"] }, maxTtlSeconds: 10_800 };

  test("is a login for all, says so, and lives for three hours", async () => {
    const { asked, minted } = mint(whole, {}, 10_800);
    expect(await minted).toMatchObject({
      scope: {},
      times: { expiresAt: "2026-11-21T13:00:00Z" },
      // What it was exchanged for in its last second lives on.
      exposedUntil: "2026-11-21T14:15:00Z",
      marked: "whole",
      credential: {
        kind: "docker-login",
        loginServer: "demozenmlregistry.azurecr.io",
        username: TOKEN_USER,
        password: "whole",
      },
    });
    expect((await minted).scope).toEqual({});
    expect((await minted).warnings).toHaveLength(1);
    expect(authOf((await minted).env)).toBe(`${TOKEN_USER}:whole`);
    expect(asked.slice(1)).toEqual(["whole"]);
  });

  test("tells of an administrator account that is enabled", async () => {
    const found = { registry: registry({ adminUserEnabled: true }) };
    expect((await mint(whole, found, 10_800).minted).warnings).toHaveLength(2);
  });

  test("is to be had by a grant of an hour, which tells that it lives longer, and not by one of less", async () => {
    expect((await mint({ ...whole, maxTtlSeconds: 3_600 }, {}, 10_800).minted).warnings).toHaveLength(2);
    const short = mint({ ...whole, maxTtlSeconds: 1_799 }, {}, 10_800);
    await expect(short.minted).rejects.toMatchObject({ code: "SCOPE_TOO_WIDE" });
  });
});
