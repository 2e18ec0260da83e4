/** What the unit tests of Entra share: the seed, a key in a folder that goes away, a clock that stands still. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeJwt } from "jose";
import type { ClientRequest } from "../../../../../infra/local/azure/entra/client-request.ts";
import { SignInError } from "../../../../../infra/local/azure/entra/errors.ts";
import { openSigningKey } from "../../../../../infra/local/azure/entra/signing-key.ts";
import type { TokenDeps } from "../../../../../infra/local/azure/entra/token-endpoint.ts";
import { loadSeed } from "../../../../../infra/local/seed.ts";
import { openStateStore } from "../../../../../infra/local/state.ts";

/** The clock of every test. */
export const NOW = new Date("2026-11-22T10:00:00.000Z");
/** `NOW` in whole seconds. */
export const NOW_SECONDS = NOW.getTime() / 1000;

const keyFolder = mkdtempSync(join(tmpdir(), "latchkey-entra-"));
const key = await openSigningKey(openStateStore(keyFolder), () => NOW);
rmSync(keyFolder, { recursive: true });

/** Token endpoint over the seed file. */
export const deps: TokenDeps = {
  seed: loadSeed(),
  key,
  certificates: [],
  issuerKey: () => undefined,
  now: () => NOW,
};

/** Client id and secret of the app that is Admin of Latchkey, ready to be posted. */
export const automation = {
  grant_type: "client_credentials",
  client_id: "c0ffee00-5c1e-4d2f-8a3b-4c5d6e7f8017",
  client_secret: "local-platform-automation-secret",
};
/** A user's sign-in through the public client. */
export const admin = {
  grant_type: "password",
  client_id: "3d0e7c52-9d0f-4a55-8a35-0d8d6c3c2b12",
  username: "admin@zenmldemo.onmicrosoft.com",
  password: "local-admin-password",
};

/** A request at our tenant's token endpoint. */
export function request(form: Record<string, string>, more: Partial<ClientRequest> = {}): ClientRequest {
  return { tenant: "ours", form: new URLSearchParams(form), ...more };
}

/** Claims of the access token in an answer. */
export const claimsIn = (answer: { readonly access_token: string }) => decodeJwt(answer.access_token);

/** Status, error and AADSTS code of a refusal; fails the test when nothing was refused. */
export async function refusalOf(answer: Promise<unknown>): Promise<[number, string, number]> {
  const outcome = await answer.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (outcome instanceof SignInError) return [outcome.status, outcome.error, outcome.code];
  throw new Error("nothing was refused in Entra's form", { cause: outcome });
}
