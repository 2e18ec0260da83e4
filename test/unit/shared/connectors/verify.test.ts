import { describe, expect, test } from "vitest";
import { verifyConnector } from "../../../../shared/connectors/verify.ts";
import { InputError, UpstreamError } from "../../../../shared/errors.ts";
import { azureView, connectorRequest, NOW, OWN_ACCOUNT, SUBSCRIPTION } from "../../../support/fakes.ts";

const limits = { configuration: connectorRequest().configuration, resourceId: null, ownAccount: OWN_ACCOUNT };
const refused = new UpstreamError("UPSTREAM_REFUSED", "Grant Reader.", { retryable: false });
const STORE = `/subscriptions/${SUBSCRIPTION}/resourceGroups/demos/providers/Microsoft.Storage/storageAccounts/artifacts/blobServices/default/containers/store`;

const verify = (view: Parameters<typeof verifyConnector>[0], resourceId: string | null = null) =>
  verifyConnector(view, { ...limits, resourceId }, [], NOW);

describe("verifyConnector", () => {
  test("healthy: names what it reaches, namesakes once", async () => {
    const view = azureView({ "demos/artifacts": ["store", "datasets"], "demos/archive": ["datasets"] });
    expect(await verify(view)).toEqual({
      checkedAt: NOW.toISOString(),
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

  test.each([new InputError("SIGN_IN_FAILED", "no"), new TypeError("defect")])("$name stops it", async (error) => {
    const view = { ...azureView({}), storageAccounts: () => Promise.reject(error) };
    await expect(verify(view)).rejects.toBe(error);
  });
});
