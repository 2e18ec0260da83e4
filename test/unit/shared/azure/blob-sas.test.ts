import type { TokenCredential } from "@azure/identity";
import { expect, test } from "vitest";
import { createBlobSas } from "../../../../shared/azure/blob-sas.ts";
import { connectorRequest, NOW, now, unavailable } from "../../../support/fakes.ts";

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
      signIn: { key, cloud: "public", configuration: connectorRequest().configuration, clientSecret: async () => "s" },
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
