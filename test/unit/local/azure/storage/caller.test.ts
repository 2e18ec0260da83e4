/** How a refused token is answered, by reason and API version. */
import { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import { expect, test } from "vitest";
import type { AccessTokens, TokenRefusal } from "../../../../../infra/local/azure/ports.ts";
import { identifyCaller } from "../../../../../infra/local/azure/storage/caller.ts";

const account = { name: "acct", sharedKeyAccess: false };

function identify(reason: TokenRefusal, service: "blob" | "table", version: string) {
  const asked: string[][] = [];
  const tokens: AccessTokens = {
    async verify(_token, audiences) {
      asked.push([...audiences]);
      return { ok: false, reason };
    },
  };
  const request = new IncomingMessage(new Socket());
  request.method = "GET";
  request.headers = { authorization: "Bearer a.b.c", "x-ms-version": version };
  const delegationKeys = { made() {}, revokeAll() {}, isRevoked: () => false };
  const deps = { tokens, tenant: "t", delegationKeys, now: () => new Date() };
  return identifyCaller(deps, service, account, request, new URLSearchParams()).then((answer) => ({ answer, asked }));
}

const REASONS: TokenRefusal[] = ["malformed", "signature", "expired", "issuer", "audience"];

test.each(REASONS)("%s: 401 with a challenge where the version knows one, else 403", async (reason) => {
  const challenged = { ok: false, error: { status: 401, code: "InvalidAuthenticationInfo", challengeTenant: "t" } };
  const failed = { ok: false, error: { status: 403, code: "AuthenticationFailed" } };
  expect((await identify(reason, "blob", "2019-12-12")).answer).toMatchObject(challenged);
  expect((await identify(reason, "blob", "2019-07-07")).answer).toMatchObject(failed);
  expect((await identify(reason, "table", "2020-12-06")).answer).toMatchObject(challenged);
  expect((await identify(reason, "table", "2019-12-12")).answer).toMatchObject(failed);
});

test("audiences: Azure Storage by name or id, or this account's own service", async () => {
  const { asked } = await identify("audience", "table", "2020-12-06");
  expect(asked).toEqual([
    ["https://storage.azure.com", "https://acct.table.core.windows.net", "e406a681-f3d4-42a8-90b6-c2b029497af1"],
  ]);
});
