import { describe, expect, test } from "vitest";
import { verifyConnector } from "../../../../shared/connectors/verify.ts";
import { InputError, UpstreamError } from "../../../../shared/errors.ts";
import { azureView, connectorRequest, NOW, NOW_TEXT, OWN_ACCOUNTS, SUBSCRIPTION } from "../../../support/fakes.ts";

const limits = { configuration: connectorRequest().configuration, resourceId: null, ownAccounts: OWN_ACCOUNTS };
const refused = new UpstreamError("UPSTREAM_REFUSED", "Grant Reader.", { retryable: false });
const outage = (code: "UPSTREAM_TIMEOUT" | "UPSTREAM_REFUSED") => new UpstreamError(code, "down", { retryable: true });
const STORE = `/subscriptions/${SUBSCRIPTION}/resourceGroups/demos/providers/Microsoft.Storage/storageAccounts/artifacts/blobServices/default/containers/store`;

const verify = (view: Parameters<typeof verifyConnector>[0], resourceId: string | null = null) =>
  verifyConnector(view, { ...limits, resourceId }, ["blob-container"], NOW);

describe("verifyConnector", () => {
  test("healthy: names what it reaches, namesakes once", async () => {
    const view = azureView({ "demos/artifacts": ["store", "datasets"], "demos/archive": ["datasets"] });
    expect(await verify(view)).toEqual({
      checkedAt: NOW_TEXT,
      state: "healthy",
      resourceTypes: [
        { resourceType: "blob-container", state: "ok", resources: ["az://datasets", "az://store"], error: null },
      ],
    });
  });

  test.each([
    ["nothing is visible", azureView({}), [], "RESOURCE_NOT_FOUND"],
    [
      "one account cannot be read",
      azureView({ "demos/artifacts": ["store"], "demos/archive": refused }),
      ["az://store"],
      "UPSTREAM_REFUSED",
    ],
    ["the listing fails", { ...azureView({}), storageAccounts: () => Promise.reject(refused) }, [], "UPSTREAM_REFUSED"],
  ])("failed, with code and remedy, when %s", async (_what, view, resources, code) => {
    const verification = await verify(view);
    expect(verification).toMatchObject({
      state: "failed",
      resourceTypes: [{ state: "error", resources, error: { code, message: expect.any(String) } }],
    });
    expect(verification.resourceTypes[0]?.error?.remedy).toMatch(/Reader/);
  });

  test("limited to one resource: looks at that alone", async () => {
    const journal: string[] = [];
    const view = azureView({ "demos/artifacts": ["store", "datasets"] }, journal);
    expect(await verify(view, STORE)).toMatchObject({
      state: "healthy",
      resourceTypes: [{ resources: ["az://store"] }],
    });
    expect(journal).toEqual(["container artifacts/store"]);
    expect(await verify(azureView({ "demos/artifacts": ["datasets"] }), STORE)).toMatchObject({
      state: "failed",
      resourceTypes: [{ error: { code: "RESOURCE_NOT_FOUND" } }],
    });
  });

  test.each([
    new InputError("SIGN_IN_FAILED", "no"),
    new TypeError("defect"),
    outage("UPSTREAM_TIMEOUT"),
    outage("UPSTREAM_REFUSED"),
  ])("$name $code is no verdict: it stops it", async (error) => {
    const view = { ...azureView({}), storageAccounts: () => Promise.reject(error) };
    await expect(verify(view)).rejects.toBe(error);
    const single = { ...azureView({}), container: () => Promise.reject(error) };
    await expect(verify(single, STORE)).rejects.toBe(error);
  });

  test("an outage of every account is no verdict; one account's stands in the verdict with what was found", async () => {
    const down = outage("UPSTREAM_TIMEOUT");
    await expect(verify(azureView({ "demos/artifacts": down, "demos/archive": down }))).rejects.toBe(down);
    expect(await verify(azureView({ "demos/artifacts": ["store"], "demos/archive": down }))).toMatchObject({
      state: "failed",
      resourceTypes: [{ resources: ["az://store"], error: { code: "UPSTREAM_TIMEOUT" } }],
    });
  });

  test("an account that refuses is a verdict, also beside an outage", async () => {
    const view = azureView({ "demos/artifacts": refused, "demos/archive": outage("UPSTREAM_TIMEOUT") });
    expect(await verify(view)).toMatchObject({ state: "failed", resourceTypes: [{ resources: [] }] });
  });
});
