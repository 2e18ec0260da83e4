import { expect, test } from "vitest";
import { createConnectorIdentities } from "../../../../shared/azure/identity.ts";
import * as fakes from "../../../support/fakes.ts";
import { unavailable } from "../../../support/fakes.ts";

function signIn(key: string | null, read: () => Promise<string> = async () => "s") {
  return fakes.signIn({ key, secret: { kind: "clientSecret", read } });
}

test("equal keys share a credential, other keys do not", () => {
  const identities = createConnectorIdentities();
  expect(identities(signIn("a"))).toBe(identities(signIn("a")));
  expect(identities(signIn("b"))).not.toBe(identities(signIn("a")));
});

test("a sign-in for one use is never shared", () => {
  const identities = createConnectorIdentities();
  expect(identities(signIn(null))).not.toBe(identities(signIn(null)));
});

test("keeps 500 and forgets the least recently used", () => {
  const identities = createConnectorIdentities();
  const [first, second] = [identities(signIn("0")), identities(signIn("1"))];
  for (let index = 2; index < 500; index++) identities(signIn(String(index)));
  expect(identities(signIn("0"))).toBe(first);
  identities(signIn("500"));
  expect(identities(signIn("0"))).toBe(first);
  expect(identities(signIn("1"))).not.toBe(second);
});

test("the secret is read at the first token and again after a failure, not before", async () => {
  let reads = 0;
  const failing = async () => {
    reads += 1;
    throw unavailable("VAULT_UNAVAILABLE");
  };
  const credential = createConnectorIdentities()(signIn("a", failing));
  expect(reads).toBe(0);
  for (const expected of [1, 2]) {
    await expect(credential.getToken("scope")).rejects.toMatchObject({ code: "VAULT_UNAVAILABLE" });
    expect(reads).toBe(expected);
  }
});
