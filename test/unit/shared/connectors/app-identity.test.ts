import { describe, expect, test } from "vitest";
import { CLOUD_NAMES, cloudOf } from "../../../../shared/cloud.ts";
import {
  type AppIdentity,
  isAppItself,
  isArmAudience,
  NO_APP_IDENTITY,
  refuseAudience,
  refuseUnavailableMethod,
} from "../../../../shared/connectors/app-identity.ts";
import { AUTH_METHODS, type AuthMethod } from "../../../../shared/connectors/auth-methods.ts";
import { CLIENT, signIn } from "../../../support/fakes.ts";

const OWN = "1a7c4e70-1de7-4717-8f4d-6b7c8d9e0f25";
const APP: AppIdentity = {
  appClientId: OWN,
  ownClientIds: [OWN],
  assertionClientId: OWN,
  hasManagedIdentities: true,
  allowsImplicit: true,
};
const configurationOf = (clientId: string | null) => ({ ...signIn().configuration, clientId });

const as = (authMethod: AuthMethod, clientId: string | null = CLIENT) =>
  signIn({ authMethod, configuration: configurationOf(clientId) });

describe("methods that an installation offers", () => {
  test.each(AUTH_METHODS)("%s where everything is set", (method) => {
    expect(() => refuseUnavailableMethod(as(method), APP)).not.toThrow();
  });

  test.each([
    ["implicit", "DENIED", { ...APP, allowsImplicit: false }],
    ["managed-identity", "SIGN_IN_FAILED", { ...APP, hasManagedIdentities: false }],
    ["workload-identity", "SIGN_IN_FAILED", { ...APP, hasManagedIdentities: false }],
    ["workload-identity", "SIGN_IN_FAILED", { ...APP, assertionClientId: null }],
  ] as const)("not %s, with %s, without what it needs", (method, code, app) => {
    expect(() => refuseUnavailableMethod(as(method), app)).toThrow(expect.objectContaining({ code }));
    for (const other of AUTH_METHODS.filter((name) => name === "service-principal" || name === "access-token")) {
      expect(() => refuseUnavailableMethod(as(other), app)).not.toThrow();
    }
  });

  test("of its own an app offers none", () => {
    const offered = AUTH_METHODS.filter((method) => {
      try {
        refuseUnavailableMethod(as(method), NO_APP_IDENTITY);
        return true;
      } catch {
        return false;
      }
    });
    expect(offered).toEqual(["service-principal", "access-token"]);
  });
});

describe("the app's own identity by another method", () => {
  const methods = ["service-principal", "managed-identity", "workload-identity"] as const;
  const denied = expect.objectContaining({ code: "DENIED" });

  test.each(methods)("%s: as implicit, when the operator allows that", (method) => {
    const closed = { ...APP, allowsImplicit: false };
    for (const clientId of [OWN, OWN.toUpperCase()]) {
      expect(() => refuseUnavailableMethod(as(method, clientId), APP)).not.toThrow();
      expect(() => refuseUnavailableMethod(as(method, clientId), closed)).toThrow(denied);
    }
    expect(() => refuseUnavailableMethod(as(method), closed)).not.toThrow();
  });

  test("the identity of assertions is not the app's, unless it is the same", () => {
    const apart = { ...APP, allowsImplicit: false, appClientId: CLIENT, ownClientIds: [CLIENT, OWN] };
    expect(() => refuseUnavailableMethod(as("managed-identity", OWN), apart)).not.toThrow();
    expect(() => refuseUnavailableMethod(as("managed-identity", OWN), { ...apart, appClientId: OWN })).toThrow(denied);
  });
});

describe("tokens of the app itself are for ARM alone", () => {
  const itself = [
    ["implicit", signIn({ authMethod: "implicit", configuration: configurationOf(null) })],
    ["its managed identity", signIn({ authMethod: "managed-identity", configuration: configurationOf(OWN) })],
    ["its client id in capitals", signIn({ configuration: configurationOf(OWN.toUpperCase()) })],
    ["its application", signIn({ configuration: configurationOf(OWN) })],
  ] as const;
  const others = [
    ["another managed identity", signIn({ authMethod: "managed-identity", configuration: configurationOf(CLIENT) })],
    [
      "an application that trusts it",
      signIn({ authMethod: "workload-identity", configuration: configurationOf(CLIENT) }),
    ],
  ] as const;
  const audiencesOf = (cloud: (typeof CLOUD_NAMES)[number]) => {
    const { audiences, exchangeAudience, keyVaultSuffix, blobSuffix } = cloudOf(cloud);
    return [
      audiences.storage,
      `${audiences.storage}/`,
      audiences["key-vault"],
      exchangeAudience,
      `https://latchkey-vault.${keyVaultSuffix}`,
      `https://latchkeystate.${blobSuffix}`,
      "api://listed",
      "",
      "/",
    ];
  };

  test.each(itself)("%s", (_what, one) => {
    expect(isAppItself(one, APP)).toBe(true);
    for (const cloud of CLOUD_NAMES) {
      expect(() => refuseAudience({ ...one, cloud }, cloudOf(cloud).audiences.arm, APP)).not.toThrow();
      for (const audience of audiencesOf(cloud)) {
        expect(() => refuseAudience({ ...one, cloud }, audience, APP)).toThrow(
          expect.objectContaining({ code: "DENIED" }),
        );
      }
    }
  });

  test.each(others)("%s gives all", (_what, one) => {
    expect(isAppItself(one, APP)).toBe(false);
    for (const audience of audiencesOf("public")) expect(() => refuseAudience(one, audience, APP)).not.toThrow();
  });

  test("an access token serves ARM alone, whoever's it is", () => {
    const given = signIn({ authMethod: "access-token", configuration: configurationOf(null) });
    expect(() => refuseAudience(given, "https://management.azure.com", APP)).not.toThrow();
    for (const audience of audiencesOf("public")) {
      const refused = expect.objectContaining({ code: "UNSUPPORTED_BY_METHOD" });
      expect(() => refuseAudience(given, audience, APP)).toThrow(refused);
    }
  });
});

test("ARM's audience is its URL or the older one, of this cloud, with one slash at the end or none", () => {
  for (const cloud of CLOUD_NAMES) {
    const { audiences, oldArmAudience } = cloudOf(cloud);
    for (const good of [audiences.arm, oldArmAudience]) {
      expect(
        [good, `${good}/`, `${good}//`, `${good}.evil`, `x${good}`, `${good}/x`].map((text) =>
          isArmAudience(text, cloud),
        ),
      ).toEqual([true, true, false, false, false, false]);
      for (const other of CLOUD_NAMES) expect(isArmAudience(good, other)).toBe(other === cloud);
    }
  }
});
