/** JSON blobs of the app's state, and the verifications in them. */
import { BlobServiceClient } from "@azure/storage-blob";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { openJsonBlobs } from "../../shared/store/blobs.ts";
import { createVerificationStore } from "../../shared/store/connector-records.ts";
import { credentialOf } from "../support/application-tokens.ts";
import { type Control, createControl } from "../support/control.ts";
import { NOW } from "../support/fakes.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { STATE_BLOBS, stateBlobs } from "../support/product-parts.ts";

let azure: LocalAzure;
let control: Control;
beforeAll(async () => {
  azure = await startLocalAzure();
  control = createControl(azure);
});
afterAll(() => azure.stop());
afterEach(() => control.clear());

// First in the file: the container is not there yet.
test("without the container: nothing is there, and nothing to remove", async () => {
  const blobs = stateBlobs(azure);
  expect(await blobs.get("verification/x.json")).toBeNull();
  await blobs.remove("verification/x.json");
});

test("put: makes the container at the first write, by several processes at once, and replaces", async () => {
  await Promise.all([1, 2, 3].map((n) => stateBlobs(azure).put(`first/${n}.json`, { n })));
  const blobs = stateBlobs(azure);
  expect(await blobs.get("first/2.json")).toEqual({ n: 2 });
  await blobs.put("first/2.json", { text: "ä €", list: [null] });
  expect(await blobs.get("first/2.json")).toEqual({ text: "ä €", list: [null] });
  const client = new BlobServiceClient(STATE_BLOBS, credentialOf(azure, "latchkey-service"));
  const { contentType } = await client.getContainerClient("latchkey").getBlobClient("first/2.json").getProperties();
  expect(contentType).toBe("application/json");
});

test("remove: takes it away, twice is no error", async () => {
  const blobs = stateBlobs(azure);
  await blobs.put("gone.json", 1);
  await blobs.remove("gone.json");
  await blobs.remove("gone.json");
  expect(await blobs.get("gone.json")).toBeNull();
});

test("verifications: come back as they were put, null when there is none, refused when damaged", async () => {
  const blobs = stateBlobs(azure);
  const verifications = createVerificationStore(blobs);
  const verification: Parameters<typeof verifications.put>[1] = {
    checkedAt: NOW.toISOString(),
    state: "failed",
    resourceTypes: [
      {
        resourceType: "blob-container",
        state: "error",
        resources: [],
        error: { code: "UPSTREAM_REFUSED", message: "m", remedy: "r" },
        checks: [],
        unprobed: 0,
      },
    ],
  };
  await verifications.put("id-1", verification);
  expect(await verifications.get("id-1")).toEqual(verification);
  expect(await blobs.get("verification/id-1.json")).toEqual(verification);
  expect(await verifications.get("id-2")).toBeNull();
  await blobs.put("verification/id-3.json", { state: "healthy" });
  await expect(verifications.get("id-3")).rejects.toThrow();
  await verifications.remove("id-1");
  expect(await verifications.get("id-1")).toBeNull();
});

test.each([503, 500, 429] as const)("%d is STATE_UNAVAILABLE", async (status) => {
  const blobs = stateBlobs(azure);
  await control.fault({ service: "storage", status, retryAfterSeconds: 1 });
  const failure = { code: "STATE_UNAVAILABLE", retryAfterSeconds: 1, failure: { status } };
  await expect(blobs.put("x.json", 1)).rejects.toMatchObject(failure);
  await expect(blobs.get("x.json")).rejects.toMatchObject(failure);
  await expect(blobs.remove("x.json")).rejects.toMatchObject(failure);
  await control.clear();
  // The same process goes on when the fault is over.
  await blobs.put("x.json", 1);
  expect(await blobs.get("x.json")).toBe(1);
});

test("an identity without a role: 403, told as STATE_UNAVAILABLE", async () => {
  const blobs = openJsonBlobs({ url: STATE_BLOBS, identity: credentialOf(azure, "stranger") });
  await expect(blobs.get("x.json")).rejects.toMatchObject({
    code: "STATE_UNAVAILABLE",
    failure: { status: 403, code: "AuthorizationPermissionMismatch" },
  });
});
