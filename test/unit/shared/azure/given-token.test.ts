import { describe, expect, test } from "vitest";
import { givenToken } from "../../../../shared/azure/given-token.ts";
import { CLOUD_NAMES, cloudOf } from "../../../../shared/cloud.ts";
import { NOW, now, OBJECT, TENANT } from "../../../support/fakes.ts";

const ARM = "https://management.azure.com/.default";
const exp = Math.floor(NOW.getTime() / 1000) + 60;
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
const tokenOf = (aud: string) => `e30.${encode({ exp, aud, tid: TENANT, oid: OBJECT })}.c2ln`;
const given = (at: () => Date = now) =>
  givenToken(tokenOf("https://management.azure.com/"), { cloud: "public", now: at });

describe("a given token", () => {
  test("is given for ARM, until it ends, with its own end", async () => {
    for (const scopes of [
      ARM,
      [ARM],
      "https://management.azure.com//.default",
      "https://management.core.windows.net//.default",
    ]) {
      expect(await given().getToken(scopes)).toEqual({
        token: tokenOf("https://management.azure.com/"),
        expiresOnTimestamp: exp * 1000,
      });
    }
    await expect(given(() => new Date(exp * 1000 - 1)).getToken(ARM)).resolves.toMatchObject({});
    await expect(given(() => new Date(exp * 1000)).getToken(ARM)).rejects.toMatchObject({ code: "CONNECTOR_EXPIRED" });
  });

  const elsewhere = CLOUD_NAMES.flatMap((name) => {
    const { audiences, resourceManager } = cloudOf(name);
    return [audiences.storage, audiences["key-vault"], ...(name === "public" ? [] : [resourceManager])];
  }).map((audience) => `${audience}/.default`);
  test.each([
    ...new Set(elsewhere),
    "https://management.azure.com",
    "https://management.azure.com/user_impersonation",
    "https://management.azure.com.evil.example/.default",
    "https://management.azure.com/.default/.default",
    "",
    [],
    [ARM, "https://storage.azure.com/.default"],
  ])("is given for nothing else: %j", async (scopes) => {
    await expect(given().getToken(scopes)).rejects.toMatchObject({ code: "UNSUPPORTED_BY_METHOD" });
  });

  test.each([
    ["a token for another service", tokenOf("https://storage.azure.com")],
    ["a token for another cloud", tokenOf("https://management.usgovcloudapi.net")],
    ["no token", "x"],
  ])("%s is none", (_what, token) => {
    const make = () => givenToken(token, { cloud: "public", now });
    expect(make).toThrow(expect.objectContaining({ code: "SIGN_IN_FAILED" }));
  });
});
