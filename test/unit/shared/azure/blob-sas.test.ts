import type { TokenCredential } from "@azure/identity";
import type { UserDelegationKey } from "@azure/storage-blob";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { createBlobSas } from "../../../../shared/azure/blob-sas.ts";
import { CLIENT, NOW, now, signIn, TENANT, unavailable } from "../../../support/fakes.ts";

/** Answers the request for a delegation key; each test sets what it needs. */
const service = vi.hoisted(() => ({
  answer: (_startsOn: Date, _expiresOn: Date): UserDelegationKey => {
    throw new Error("not set");
  },
}));
/** A service client whose only request is answered here; it asks for a token before, as the real one does. */
vi.mock("@azure/storage-blob", async (importOriginal) => {
  class BlobServiceClient {
    readonly credential: TokenCredential;
    constructor(_url: string, credential: TokenCredential) {
      this.credential = credential;
    }
    async getUserDelegationKey(startsOn: Date, expiresOn: Date) {
      await this.credential.getToken("https://storage.azure.com/.default");
      return service.answer(startsOn, expiresOn);
    }
  }
  return { ...(await importOriginal<typeof import("@azure/storage-blob")>()), BlobServiceClient };
});

/** A sign-in that fails when it is told to: what is counted is how often a key was asked for. */
function parts() {
  let release = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const asked: (string | null)[] = [];
  const credential: TokenCredential = {
    async getToken() {
      await gate;
      throw unavailable("VAULT_UNAVAILABLE");
    },
  };
  const issue = createBlobSas({
    identities: ({ key }) => {
      asked.push(key);
      return credential;
    },
    now,
  });
  const issueFor = (key: string | null, account = "accountone") =>
    issue({
      signIn: signIn({ key }),
      account,
      container: "data",
      permissions: "r",
      expiresAt: new Date(NOW.getTime() + 3_600_000),
    });
  return { asked, issueFor, release: () => release() };
}
const codesOf = (results: PromiseSettledResult<unknown>[]) =>
  results.map((result) => (result.status === "rejected" ? result.reason.code : result.status));

test("many at once ask for one key, and a failure reaches them all", async () => {
  const { asked, issueFor, release } = parts();
  const waiting = [issueFor("a"), issueFor("a"), issueFor("a")];
  release();
  expect(codesOf(await Promise.allSettled(waiting))).toEqual(Array.from({ length: 3 }, () => "VAULT_UNAVAILABLE"));
  expect(asked).toEqual(["a"]);
});

test("a failed key is forgotten: the next call asks again", async () => {
  const { asked, issueFor, release } = parts();
  release();
  await expect(issueFor("a")).rejects.toMatchObject({ code: "VAULT_UNAVAILABLE" });
  await expect(issueFor("a")).rejects.toMatchObject({ code: "VAULT_UNAVAILABLE" });
  expect(asked).toEqual(["a", "a"]);
});

test("another sign-in, another account and one for a single use each ask for their own", async () => {
  const { asked, issueFor, release } = parts();
  const waiting = [issueFor("a"), issueFor("b"), issueFor("a", "accounttwo"), issueFor(null), issueFor(null)];
  release();
  await Promise.allSettled(waiting);
  expect(asked).toHaveLength(5);
});

describe("a delegation key", () => {
  const HOUR_MS = 3_600_000;
  let at = NOW.getTime();
  let asked: { startsOn: Date; expiresOn: Date }[] = [];

  beforeEach(() => {
    at = NOW.getTime();
    asked = [];
    service.answer = (startsOn, expiresOn) => {
      asked.push({ startsOn, expiresOn });
      return {
        signedObjectId: CLIENT,
        signedTenantId: TENANT,
        signedStartsOn: startsOn,
        signedExpiresOn: expiresOn,
        signedService: "b",
        signedVersion: "2026-04-06",
        value: Buffer.from(`key ${asked.length}`).toString("base64"),
      };
    };
  });

  function issuer() {
    const credential: TokenCredential = {
      getToken: async () => ({ token: "t", expiresOnTimestamp: Date.now() + HOUR_MS }),
    };
    const issue = createBlobSas({ identities: () => credential, now: () => new Date(at) });
    return async (key: string | null, ttlMs = HOUR_MS) => {
      const { sas } = await issue({
        signIn: signIn({ key }),
        account: "accountone",
        container: "data",
        permissions: "rl",
        expiresAt: new Date(at + ttlMs),
      });
      return new URLSearchParams(sas.sasToken);
    };
  }

  test("lives 25 hours, and is dated a quarter of an hour back against clock skew", async () => {
    const sas = await issuer()("a");
    expect(asked.map(({ startsOn, expiresOn }) => [startsOn.getTime(), expiresOn.getTime()])).toEqual([
      [at - HOUR_MS / 4, at + 25 * HOUR_MS],
    ]);
    expect(Object.fromEntries(sas)).toMatchObject({ sr: "c", sp: "rl", spr: "https", se: "2026-11-21T11:00:00Z" });
    expect(sas.get("skoid")).toBe(CLIENT);
  });

  test("is used for 15 minutes, and not a millisecond longer", async () => {
    const issue = issuer();
    await issue("a");
    at += 15 * 60_000 - 1;
    await issue("a");
    expect(asked).toHaveLength(1);
    at += 1;
    await issue("a");
    expect(asked).toHaveLength(2);
  });

  test("is asked for anew when the clock was set back before it", async () => {
    const issue = issuer();
    await issue("a");
    at -= 1;
    await issue("a");
    expect(asked).toHaveLength(2);
    at -= 30 * HOUR_MS;
    await issue("a");
    expect(asked.at(-1)?.startsOn.getTime()).toBe(at - HOUR_MS / 4);
  });

  test.each([
    ["ends before the SAS", { signedExpiresOn: new Date(NOW.getTime() + HOUR_MS - 1) }],
    ["begins later", { signedStartsOn: new Date(NOW.getTime() + 1) }],
    ["does not say when it ends", { signedExpiresOn: new Date(Number.NaN) }],
    ["has no value", { value: "" }],
  ])("that %s signs nothing", async (_what, changes) => {
    const answer = service.answer;
    service.answer = (startsOn, expiresOn) => ({ ...answer(startsOn, expiresOn), ...changes });
    await expect(issuer()("a")).rejects.toMatchObject({ code: "UPSTREAM_REFUSED", retryable: true });
  });

  test("outlives the longest SAS that it is used for", async () => {
    const issue = issuer();
    await issue("a");
    at += 15 * 60_000 - 1;
    const sas = await issue("a", 24 * HOUR_MS);
    expect(asked).toHaveLength(1);
    expect(Date.parse(sas.get("se") ?? "")).toBeLessThanOrEqual(asked[0]?.expiresOn.getTime() ?? 0);
  });

  test("of a sign-in for one use is never kept", async () => {
    const issue = issuer();
    await issue(null);
    await issue(null);
    expect(asked).toHaveLength(2);
  });

  test("that Azure refuses says which role is missing and where", async () => {
    service.answer = () => {
      const refusal = { name: "RestError", statusCode: 403, code: "AuthorizationPermissionMismatch" };
      throw Object.assign(new Error("x"), refusal);
    };
    await expect(issuer()("a")).rejects.toMatchObject({
      code: "UPSTREAM_REFUSED",
      retryable: false,
      failure: { status: 403, code: "AuthorizationPermissionMismatch" },
      message: expect.stringMatching(/Storage Blob Delegator.*accountone/),
    });
  });
});
