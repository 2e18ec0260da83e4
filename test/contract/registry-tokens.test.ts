/** Tokens of registries over the local Azure: what is lent, what is refused, and what each costs. */
import { inspect } from "node:util";
import { decodeJwt } from "jose";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createConnectorIdentities } from "../../shared/azure/identity.ts";
import type { SignIn } from "../../shared/connectors/ports.ts";
import { type Control, createControl } from "../support/control.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { signInOf } from "../support/product-parts.ts";
import { abac, accessIn, LEGACY, legacy, openTokens, PULL } from "../support/registry-client.ts";

let azure: LocalAzure;
let control: Control;
beforeAll(async () => {
  azure = await startLocalAzure();
  control = createControl(azure);
});
afterAll(() => azure.stop());
afterEach(async () => {
  await control.clear();
  await fetch(`${azure.controlUrl}/registry`, { method: "DELETE" });
});

const grants = (how: "more" | "other" | "less") =>
  fetch(`${azure.controlUrl}/registry`, {
    method: "PATCH",
    body: JSON.stringify({ grants: how }),
    headers: { "content-type": "application/json" },
  });
/** Paths of the requests that registries got since the last call. */
async function asked(): Promise<readonly string[]> {
  const response = await fetch(`${azure.controlUrl}/requests?service=registry`);
  const { items }: { items: { method: string; path: string }[] } = JSON.parse(await response.text());
  await fetch(`${azure.controlUrl}/requests`, { method: "DELETE" });
  return items.map(({ method, path }) => `${method} ${path}`);
}
const refusal = { code: "UPSTREAM_REFUSED", retryable: false };

describe("an access token", () => {
  test("of a registry in legacy mode holds what was asked for and nothing else, and ends when it says", async () => {
    const { token, expiresAt } = await openTokens().issueRegistryToken(legacy(azure), ["zenml"], ["read"]);
    expect(accessIn(token)).toEqual(PULL);
    expect(expiresAt).toEqual(new Date((decodeJwt(token).exp ?? 0) * 1000));
  });

  test("holds several repositories, also one that is not there yet", async () => {
    const { token } = await openTokens().issueRegistryToken(legacy(azure), ["new/one", "zenml"], ["read", "write"]);
    const actions = ["metadata_read", "pull", "push"];
    expect(accessIn(token)).toEqual([
      { type: "repository", name: "new/one", actions },
      { type: "repository", name: "zenml", actions },
    ]);
  });

  test("of a registry in ABAC mode goes by the repository roles alone, which the refusal names", async () => {
    const tokens = openTokens();
    const { token } = await tokens.issueRegistryToken(abac(azure), ["vision/train"], ["read"]);
    expect(accessIn(token)).toEqual([{ ...PULL[0], name: "vision/train" }]);
    await expect(tokens.issueRegistryToken(abac(azure), ["vision/train"], ["write"])).rejects.toMatchObject({
      ...refusal,
      message: expect.stringContaining("Container Registry Repository Writer"),
    });
  });

  test.each([
    ["read", "AcrPull"],
    ["write", "AcrPush"],
    ["delete", "AcrDelete"],
  ] as const)("to %s is not lent with less: the refusal names the role %s", async (right, role) => {
    await grants("less");
    await expect(openTokens().issueRegistryToken(legacy(azure), ["zenml"], [right])).rejects.toMatchObject({
      ...refusal,
      message: expect.stringContaining(role),
    });
  });

  test.each(["more", "other"] as const)("is not lent when the registry gives %s than was asked for", async (how) => {
    await grants(how);
    const thrown: unknown = await openTokens()
      .issueRegistryToken(legacy(azure), ["zenml"], ["read"])
      .catch((error: unknown) => error);
    expect(thrown).toMatchObject(refusal);
    expect(inspect(thrown, { depth: null, showHidden: true })).not.toMatch(/eyJ/);
  });

  test("is not to be had without any role: the remedy names one", async () => {
    const at = legacy(azure, signInOf(azure, "stranger"));
    await expect(openTokens().issueRegistryToken(at, ["zenml"], ["read"])).rejects.toMatchObject({
      ...refusal,
      message: expect.stringContaining("AcrPull"),
      failure: { status: 401, code: "UNAUTHORIZED" },
    });
  });
});

describe("a connector with a token for ARM", () => {
  const given = async (as: string): Promise<SignIn> => {
    const token = await createConnectorIdentities()(signInOf(azure, as)).getToken(
      "https://management.azure.com/.default",
    );
    const secret = { kind: "token", read: async () => token?.token ?? "" } as const;
    return { ...signInOf(azure, as), authMethod: "access-token", secret };
  };

  test("gets tokens of a registry that takes it", async () => {
    const { token } = await openTokens().issueRegistryToken(
      legacy(azure, await given("zenml-connector")),
      ["zenml"],
      ["read"],
    );
    expect(accessIn(token)).toEqual(PULL);
  });

  test("is refused for one that does not, before anything is sent", async () => {
    await asked();
    const at = abac(azure, await given("research-connector"));
    await expect(openTokens().issueRegistryToken(at, ["vision/train"], ["read"])).rejects.toMatchObject({
      code: "UNSUPPORTED_BY_METHOD",
    });
    expect(await asked()).toEqual([]);
  });
});

describe("refresh tokens", () => {
  const EXCHANGE = "POST /oauth2/exchange";
  const TOKEN = "POST /oauth2/token";

  test("are kept: a second access token costs one call, as do ten at once", async () => {
    const [tokens, at] = [openTokens(), legacy(azure)];
    await asked();
    const many = Array.from({ length: 10 }, () => tokens.issueRegistryToken(at, ["zenml"], ["read"]));
    expect(new Set((await Promise.all(many)).map(({ token }) => token)).size).toBe(10);
    expect((await asked()).filter((call) => call === EXCHANGE)).toHaveLength(1);
    await tokens.issueRegistryToken(at, ["zenml"], ["read"]);
    expect(await asked()).toEqual([TOKEN]);
  });

  test("are of one sign-in each, and none is kept of a sign-in without a key", async () => {
    const [tokens, at] = [openTokens(), legacy(azure, { ...signInOf(azure, "zenml-connector"), key: null })];
    await asked();
    await tokens.issueRegistryToken(at, ["zenml"], ["read"]);
    await tokens.issueRegistryToken(at, ["zenml"], ["read"]);
    await tokens.issueRegistryToken(legacy(azure), ["zenml"], ["read"]);
    expect(await asked()).toEqual([EXCHANGE, TOKEN, EXCHANGE, TOKEN, EXCHANGE, TOKEN]);
  });

  test("that the registry has ended are made anew, once", async () => {
    const [tokens, at] = [openTokens(), legacy(azure)];
    await tokens.issueRegistryToken(at, ["zenml"], ["read"]);
    const unauthorized = { status: 401, contentType: "application/json", text: '{"errors":[{"code":"UNAUTHORIZED"}]}' };
    const ended = { service: "registry", path: "^/oauth2/token", reply: unauthorized };
    await control.fault({ ...ended, times: 1 });
    await asked();
    expect(accessIn((await tokens.issueRegistryToken(at, ["zenml"], ["read"])).token)).toEqual(PULL);
    expect(await asked()).toEqual([TOKEN, EXCHANGE, TOKEN]);

    await control.fault(ended);
    await expect(tokens.issueRegistryToken(at, ["zenml"], ["read"])).rejects.toMatchObject({
      failure: { status: 401 },
    });
    expect(await asked()).toEqual([TOKEN, EXCHANGE, TOKEN]);
  });

  test("that give less than was asked for may be of before a role was given: a new one is tried, once", async () => {
    const [tokens, at] = [openTokens(), legacy(azure)];
    await tokens.issueRegistryToken(at, ["zenml"], ["read"]);
    await grants("less");
    await asked();
    await expect(tokens.issueRegistryToken(at, ["zenml"], ["read"])).rejects.toMatchObject(refusal);
    expect(await asked()).toEqual([TOKEN, EXCHANGE, TOKEN]);
  });

  test("for the whole registry are new each time", async () => {
    const [tokens, at] = [openTokens(), legacy(azure)];
    await tokens.issueRegistryToken(at, ["zenml"], ["read"]);
    const [first, second] = [await tokens.issueRefreshToken(at), await tokens.issueRefreshToken(at)];
    expect(first.token === second.token).toBe(false);
    const { aud, exp } = decodeJwt(first.token);
    expect(aud).toBe(LEGACY.loginServer);
    expect(first.expiresAt).toEqual(new Date((exp ?? 0) * 1000));
  });
});
