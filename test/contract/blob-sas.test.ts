/** A SAS really opens what it says and nothing else; keys are fetched as seldom as they can be. */
import { BlobServiceClient, ContainerClient, RestError } from "@azure/storage-blob";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { createBlobSas } from "../../shared/azure/blob-sas.ts";
import { createConnectorIdentities } from "../../shared/azure/identity.ts";
import type { SignIn } from "../../shared/connectors/ports.ts";
import type { IssueBlobSas } from "../../shared/credentials/ports.ts";
import { credentialOf } from "../support/application-tokens.ts";
import { type Control, createControl } from "../support/control.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { signInOf } from "../support/product-parts.ts";

const ACCOUNT = "demozenmlartifacts";
const URL_OF_ACCOUNT = `https://${ACCOUNT}.blob.core.windows.net`;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

let azure: LocalAzure;
let control: Control;
let signIn: SignIn;
beforeAll(async () => {
  azure = await startLocalAzure();
  control = createControl(azure);
  signIn = signInOf(azure, "zenml-connector");
  const owner = new BlobServiceClient(URL_OF_ACCOUNT, credentialOf(azure, "zenml-connector"));
  await owner.getContainerClient("datasets").getBlockBlobClient("seed.txt").upload("seed", 4);
});
afterAll(() => azure.stop());
afterEach(() => control.clear());

const newIssuer = (now = () => new Date()) => createBlobSas({ identities: createConnectorIdentities(), now });
type Wanted = Partial<Parameters<IssueBlobSas>[0]>;
const issueBy = async (issue: IssueBlobSas, wanted: Wanted = {}) => {
  const { sas } = await issue({
    signIn,
    account: ACCOUNT,
    container: "datasets",
    permissions: "rl",
    expiresAt: new Date(Date.now() + HOUR_MS),
    ...wanted,
  });
  return sas;
};

/** What a holder of a SAS, and of nothing else, is answered: `ok` or the error code. */
async function answers(sasToken: string, container = "datasets") {
  const client = new ContainerClient(`${URL_OF_ACCOUNT}/${container}?${sasToken}`, undefined, {
    retryOptions: { maxTries: 1 },
  });
  const blob = client.getBlockBlobClient("seed.txt");
  const codeOf = (work: Promise<unknown>) =>
    work.then(
      () => "ok",
      (error: unknown) => (error instanceof RestError ? error.code : String(error)),
    );
  return {
    read: await codeOf(blob.downloadToBuffer(0, 4)),
    list: await codeOf(client.listBlobsFlat().next()),
    write: await codeOf(client.getBlockBlobClient("new.txt").upload("new", 3)),
    delete: await codeOf(client.getBlockBlobClient("new.txt").delete()),
  };
}
const REFUSED = "AuthorizationPermissionMismatch";
const keyRequests = async () => {
  const response = await fetch(`${azure.controlUrl}/requests?service=storage`);
  const { items } = z
    .object({ items: z.array(z.looseObject({ query: z.record(z.string(), z.string()) })) })
    .parse(await response.json());
  return items.filter(({ query }) => query.comp === "userdelegationkey").length;
};

describe("a SAS", () => {
  test("names account and container, https alone, and a key of the connector's own identity", async () => {
    const { accountUrl, containerUrl, sasToken } = await issueBy(newIssuer());
    expect([accountUrl, containerUrl]).toEqual([URL_OF_ACCOUNT, `${URL_OF_ACCOUNT}/datasets`]);
    const query = Object.fromEntries(new URLSearchParams(sasToken));
    expect(query).toMatchObject({ sr: "c", sp: "rl", spr: "https", sktid: azure.seed.tenant.id });
    expect(query.skoid).toBe(azure.seed.applications.find(({ name }) => name === "zenml-connector")?.objectId);
  });

  test("for reading and listing can do that and no more", async () => {
    const { sasToken } = await issueBy(newIssuer());
    expect(await answers(sasToken)).toEqual({ read: "ok", list: "ok", write: REFUSED, delete: REFUSED });
  });

  test("for writing can write and not read", async () => {
    const { sasToken } = await issueBy(newIssuer(), { permissions: "acw" });
    expect(await answers(sasToken)).toEqual({ read: REFUSED, list: REFUSED, write: "ok", delete: REFUSED });
  });

  test("with all rights can do all, in its own container alone", async () => {
    const { sasToken } = await issueBy(newIssuer(), { permissions: "racwdl" });
    expect(await answers(sasToken)).toEqual({ read: "ok", list: "ok", write: "ok", delete: "ok" });
    const elsewhere = await answers(sasToken, "demo-zenmlartifactstore");
    expect(new Set(Object.values(elsewhere))).toEqual(new Set(["AuthenticationFailed"]));
  });

  test("cannot be widened by hand, nor prolonged", async () => {
    const { sasToken } = await issueBy(newIssuer());
    const wider = sasToken.replace("sp=rl", "sp=racwdl");
    const longer = sasToken.replace(/(?<=&|^)se=\d{4}/, "se=2099");
    for (const forged of [wider, longer]) {
      expect(forged).not.toBe(sasToken);
      expect((await answers(forged)).read).toBe("AuthenticationFailed");
    }
  });

  test("that has expired opens nothing", async () => {
    const { sasToken } = await issueBy(newIssuer(), { expiresAt: new Date(Date.now() - 1000) });
    expect((await answers(sasToken)).read).toBe("AuthenticationFailed");
  });
});

describe("delegation keys", () => {
  const keyTimes = (sasToken: string) => {
    const query = new URLSearchParams(sasToken);
    return { start: Date.parse(query.get("skt") ?? ""), end: Date.parse(query.get("ske") ?? "") };
  };

  test("are back-dated by 15 minutes and live for 25 hours", async () => {
    const now = new Date(Math.floor(Date.now() / 1000) * 1000);
    const { sasToken } = await issueBy(newIssuer(() => now));
    expect(keyTimes(sasToken)).toEqual({
      start: now.getTime() - 15 * MINUTE_MS,
      end: now.getTime() + 25 * HOUR_MS,
    });
  });

  test("one is fetched for many at once, and kept for the next", async () => {
    const before = await keyRequests();
    const issue = newIssuer();
    await Promise.all(
      ["datasets", "demo-zenmlartifactstore", "datasets"].map((container) => issueBy(issue, { container })),
    );
    await issueBy(issue, { permissions: "r" });
    expect((await keyRequests()) - before).toBe(1);
  });

  test("one is used for 15 minutes, and outlives every SAS that it signs", async () => {
    // Whole seconds, as in the SAS.
    const start = Math.floor(Date.now() / 1000) * 1000;
    let now = new Date(start);
    const issue = newIssuer(() => now);
    const endOfKey = async () => {
      const longest = new Date(now.getTime() + 24 * HOUR_MS);
      const { sasToken } = await issueBy(issue, { expiresAt: longest });
      expect(keyTimes(sasToken).end).toBeGreaterThan(longest.getTime());
      return keyTimes(sasToken).end;
    };
    const first = await endOfKey();
    now = new Date(start + 15 * MINUTE_MS - 1);
    expect(await endOfKey()).toBe(first);
    now = new Date(start + 15 * MINUTE_MS);
    expect(await endOfKey()).toBeGreaterThan(first);
  });

  test("those of a sign-in for one use are not kept", async () => {
    const before = await keyRequests();
    const issue = newIssuer();
    const once = { signIn: { ...signIn, key: null } };
    await issueBy(issue, once);
    await issueBy(issue, once);
    expect((await keyRequests()) - before).toBe(2);
  });

  test("a failed one is forgotten", async () => {
    const issue = newIssuer();
    await control.fault({ service: "storage", status: 503 });
    await expect(issueBy(issue)).rejects.toMatchObject({ code: "UPSTREAM_REFUSED", retryable: true });
    await control.clear();
    expect(await issueBy(issue)).toMatchObject({ accountUrl: URL_OF_ACCOUNT });
  });

  test.each([
    ["an account on which the identity has no data role", { account: "demozenmlarchive" }],
    ["an identity that has none anywhere", { who: "stranger" }],
  ])(
    "%s: UPSTREAM_REFUSED with the role to grant",
    async (_what, { who, ...wanted }: { who?: string; account?: string }) => {
      const by = who === undefined ? {} : { signIn: signInOf(azure, who) };
      await expect(issueBy(newIssuer(), { ...wanted, ...by })).rejects.toMatchObject({
        code: "UPSTREAM_REFUSED",
        retryable: false,
        message: expect.stringContaining("Storage Blob Delegator"),
        failure: { status: 403, code: REFUSED },
      });
    },
  );

  test("a wrong secret is SIGN_IN_FAILED", async () => {
    const wrong = { ...signIn, key: "wrong", secret: { kind: "clientSecret" as const, read: async () => "wrong" } };
    await expect(issueBy(newIssuer(), { signIn: wrong })).rejects.toMatchObject({ code: "SIGN_IN_FAILED" });
  });
});
