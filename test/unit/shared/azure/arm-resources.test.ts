import type { TokenCredential } from "@azure/identity";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { createOpenAzure } from "../../../../shared/azure/arm-resources.ts";
import { SUBSCRIPTION, signIn } from "../../../support/fakes.ts";
import { fakeHttp, type HttpAnswer } from "../../../support/fakes-azure-http.ts";

/** Answers ARM by the request's path and query; each test sets what it needs. */
const arm = vi.hoisted(() => ({ answer: (_path: string): HttpAnswer => ({ status: 500 }) }));
/** The real client, over a wire of our own. */
vi.mock("@azure/arm-storage", async (importOriginal) => {
  const original = await importOriginal<typeof import("@azure/arm-storage")>();
  class StorageManagementClient extends original.StorageManagementClient {
    constructor(credential: TokenCredential, subscription: string, options: object) {
      const { httpClient } = fakeHttp((_index, { url }) => {
        const { pathname, search } = new URL(url);
        return arm.answer(pathname + search);
      });
      super(credential, subscription, { ...options, httpClient });
    }
  }
  return { ...original, StorageManagementClient };
});

const credential: TokenCredential = {
  getToken: async () => ({ token: "t", expiresOnTimestamp: Date.now() + 3_600_000 }),
};
const view = createOpenAzure(() => credential)(signIn());
const account = (name: string, kind: string) => ({
  id: `/subscriptions/${SUBSCRIPTION}/resourceGroups/group/providers/Microsoft.Storage/storageAccounts/${name}`,
  name,
  kind,
  location: "westeurope",
});
const refusal = (status: number, code: string): HttpAnswer => ({ status, body: { error: { code, message: "x" } } });
const names = async (resourceGroup: string | null) =>
  (await view.storageAccounts(SUBSCRIPTION, resourceGroup)).map(({ account: name }) => name);

describe("storageAccounts", () => {
  beforeEach(() => {
    arm.answer = () => refusal(500, "InternalServerError");
  });

  test("accounts for files have no blobs, and are skipped; every other kind counts", async () => {
    const kinds = ["StorageV2", "FileStorage", "BlobStorage", "BlockBlobStorage", "Storage"];
    arm.answer = () => ({ status: 200, body: { value: kinds.map((kind) => account(kind.toLowerCase(), kind)) } });
    const expected = ["storagev2", "blobstorage", "blockblobstorage", "storage"];
    expect([await names(null), await names("group")]).toEqual([expected, expected]);
  });

  test("a resource group that is not there has none", async () => {
    arm.answer = () => refusal(404, "ResourceGroupNotFound");
    expect(await names("nowhere")).toEqual([]);
  });

  test.each(["SubscriptionNotFound", "ResourceNotFound", "NotFound"])(
    "another 404 (%s) is no empty group but a refusal",
    async (code) => {
      arm.answer = () => refusal(404, code);
      for (const group of [null, "group"]) {
        await expect(names(group)).rejects.toMatchObject({ code: "UPSTREAM_REFUSED", failure: { status: 404, code } });
      }
    },
  );

  test("a group that goes while it is listed: half a list is not passed for a whole", async () => {
    arm.answer = (path) =>
      path.includes("skip")
        ? refusal(404, "ResourceGroupNotFound")
        : {
            status: 200,
            body: {
              value: [account("one", "StorageV2")],
              nextLink: `https://management.azure.com/subscriptions/${SUBSCRIPTION}/next?skip=1`,
            },
          };
    await expect(names("group")).rejects.toMatchObject({
      code: "UPSTREAM_REFUSED",
      failure: { code: "ResourceGroupNotFound" },
    });
  });

  test("ARM that asks for a minute of quiet is not waited for, and its number is passed on", async () => {
    let asked = 0;
    arm.answer = () => {
      asked += 1;
      return { ...refusal(429, "TooManyRequests"), headers: { "retry-after": "60" } };
    };
    await expect(names(null)).rejects.toMatchObject({
      code: "UPSTREAM_REFUSED",
      retryable: true,
      retryAfterSeconds: 60,
      failure: { status: 429 },
    });
    expect(asked).toBe(1);
  });
});
