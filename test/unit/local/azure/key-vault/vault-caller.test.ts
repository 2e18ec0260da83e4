import { expect, test } from "vitest";
import { identifyVaultCaller } from "../../../../../infra/local/azure/key-vault/vault-caller.ts";
import type { AccessTokens, TokenRefusal } from "../../../../../infra/local/azure/ports.ts";

const refusing = (reason: TokenRefusal): AccessTokens => ({ verify: async () => ({ ok: false, reason }) });

test("identifyVaultCaller: answers every refused token with 401 and the challenge", async () => {
  const reasons: TokenRefusal[] = ["malformed", "signature", "expired", "notYetValid", "issuer", "audience"];
  for (const reason of reasons) {
    const deps = { tokens: refusing(reason), tenantId: "T" };
    await expect(identifyVaultCaller("Bearer a.b.c", deps), reason).rejects.toMatchObject({
      status: 401,
      code: "Unauthorized",
      challenge: 'Bearer authorization="https://login.microsoftonline.com/T", resource="https://vault.azure.net"',
    });
  }
});

test("identifyVaultCaller: asks for a token of the vault's audience alone", async () => {
  const asked: (readonly string[])[] = [];
  const tokens: AccessTokens = {
    async verify(_token, audiences) {
      asked.push(audiences);
      return { ok: false, reason: "audience" };
    },
  };
  await expect(identifyVaultCaller("bearer a.b.c", { tokens, tenantId: "T" })).rejects.toMatchObject({ status: 401 });
  expect(asked).toEqual([["https://vault.azure.net"]]);
});
