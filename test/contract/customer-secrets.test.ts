/** Secrets of a customer's vault, read with a connector's sign-in: what is read, and how refusals are told. */
import { inspect } from "node:util";
import { createHttpHeaders } from "@azure/core-rest-pipeline";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createCustomerSecrets } from "../../shared/azure/customer-secrets.ts";
import { createConnectorIdentities } from "../../shared/azure/identity.ts";
import { type Control, createControl } from "../support/control.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { signInOf } from "../support/product-parts.ts";

const FIRST_VERSION = "5f0c3a1e9b7d4c2f8a6e1d3b5c7f9a02";

let azure: LocalAzure;
let control: Control;
beforeAll(async () => {
  azure = await startLocalAzure();
  control = createControl(azure);
});
afterAll(() => azure.stop());
afterEach(() => control.clear());

const read = (name: string, version: string | null = null, as = "zenml-connector") =>
  createCustomerSecrets(createConnectorIdentities())({
    signIn: signInOf(azure, as),
    secret: { cloud: "public", vault: "examplevault", name },
    version,
  });

describe("reads", () => {
  test("the latest version, and says which it is", async () => {
    expect(await read("example-secret")).toEqual({
      value: "local-example-secret-value",
      version: expect.stringMatching(/^[0-9a-f]{32}$/),
      contentType: "text/plain",
      notBefore: null,
      expiresAt: null,
    });
  });

  test("the version that is named, in any case", async () => {
    for (const version of [FIRST_VERSION, FIRST_VERSION.toUpperCase()]) {
      const found = { value: "local-example-secret-first-value", version: FIRST_VERSION, contentType: null };
      expect(await read("example-secret", version)).toMatchObject(found);
    }
  });

  test("what the vault gives outside its dates, with the dates", async () => {
    expect(await read("expired-secret")).toMatchObject({ expiresAt: new Date("2026-01-01T00:00:00Z") });
    expect(await read("early-secret")).toMatchObject({ notBefore: new Date("2038-01-01T00:00:00Z") });
  });

  test("nothing where there is no such version", async () => {
    expect(await read("example-secret", "0".repeat(32))).toBeNull();
  });
});

describe("refusals", () => {
  test.each([
    ["no role", "unshared-secret", "zenml-connector", /Key Vault Secrets User/],
    ["another identity", "example-secret", "stranger", /Key Vault Secrets User/],
    ["disabled", "disabled-secret", "zenml-connector", /disabled/],
  ])("%s: UPSTREAM_REFUSED with the remedy", async (_what, name, as, message) => {
    await expect(read(name, null, as)).rejects.toMatchObject({
      code: "UPSTREAM_REFUSED",
      retryable: false,
      message: expect.stringMatching(message),
      failure: { status: 403 },
    });
  });

  test.each([429, 503])("%d is retryable, with Retry-After", async (status) => {
    await control.fault({ service: "key-vault", status, retryAfterSeconds: 60 });
    const failure = { code: "UPSTREAM_REFUSED", retryable: true, retryAfterSeconds: 60 };
    await expect(read("example-secret")).rejects.toMatchObject(failure);
  });

  test("carry neither token nor value", async () => {
    const thrown: unknown = await read("unshared-secret").catch((error: unknown) => error);
    expect(inspect(thrown, { depth: null, showHidden: true })).not.toMatch(/eyJ|Bearer |local-unshared/i);
  });

  test("a vault that sends its callers elsewhere is not followed: no token goes there", async () => {
    const asked: { host: string; authorization: string | undefined }[] = [];
    const moved = createCustomerSecrets(createConnectorIdentities(), {
      httpClient: {
        async sendRequest(request) {
          asked.push({ host: new URL(request.url).host, authorization: request.headers.get("authorization") });
          const headers = createHttpHeaders({ location: "https://evil.example/secrets/example-secret" });
          return { request, status: 307, headers, bodyAsText: "" };
        },
      },
    });
    const secret = { cloud: "public", vault: "examplevault", name: "example-secret" } as const;
    const reading = moved({ signIn: signInOf(azure, "zenml-connector"), secret, version: null });
    await expect(reading).rejects.toMatchObject({ code: "UPSTREAM_REFUSED" });
    expect(asked).toEqual([{ host: "examplevault.vault.azure.net", authorization: undefined }]);
  });
});
