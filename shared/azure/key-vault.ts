/** The app's own key vault: connectors' secrets, and the key of the credential MAC in the audit trail. */
import { createHmac } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import type { TokenCredential } from "@azure/identity";
import type { SecretClient } from "@azure/keyvault-secrets";
import type { SecretStore } from "../connectors/ports.ts";
import type { ComputeMac } from "../credentials/ports.ts";
import { UpstreamError } from "../errors.ts";
import type { RandomBytes } from "../ids.ts";
import { lazy } from "../lazy.ts";
import { BrokenAnswerError } from "./broken-answers.ts";
import { ownOptions } from "./client-options.ts";
import { putSecret, type Wait } from "./put-secret.ts";
import { callOwn, failureOf } from "./upstream.ts";

/** Name of the secret that keys the credential MAC. */
const MAC_SECRET = "audit-credential-mac";
/** The key is read anew after this, so that without the vault nothing is issued for long. */
const MAC_KEY_MAX_AGE_MS = 60_000;
/** Length of the HMAC-SHA-256 key, and the least that is taken: that of its output (RFC 2104, section 3). */
const MAC_KEY_BYTES = 32;

/** Opens the vault at first use. @param vaultUrl e.g. `https://NAME.vault.azure.net` */
export function createVault(vaultUrl: string, identity: TokenCredential): () => Promise<SecretClient> {
  return lazy(async () => {
    const { SecretClient } = await import("@azure/keyvault-secrets");
    return new SecretClient(vaultUrl, identity, ownOptions(vaultUrl));
  });
}

/** Connectors' secrets; every value stays a version of its own. */
export function createSecretStore(vault: () => Promise<SecretClient>, wait: Wait = setTimeout): SecretStore {
  return {
    put: (name, value) =>
      callOwn("VAULT_UNAVAILABLE", async (abortSignal) => putSecret(await vault(), { name, value }, wait, abortSignal)),
    get: (name, version) =>
      callOwn("VAULT_UNAVAILABLE", async (abortSignal) => {
        const { value } = await (await vault()).getSecret(name, { version, abortSignal });
        if (value === undefined) throw new BrokenAnswerError({ status: 200, headers: new Map() });
        return value;
      }),
    remove: (name) =>
      callOwn("VAULT_UNAVAILABLE", async (abortSignal) => {
        try {
          // Soft delete: the name is unique, so nobody waits for the end of the deletion.
          await (await vault()).beginDeleteSecret(name, { abortSignal });
        } catch (error) {
          if (failureOf(error).status !== 404) throw error;
        }
      }),
  };
}

/**
 * `<key version>:<64 hex digits>`: HMAC-SHA-256 under a key that is made at the first use ever. Records name the
 * key's version, so it can be changed.
 */
export function createCredentialMac(deps: {
  vault: () => Promise<SecretClient>;
  randomBytes: RandomBytes;
  now: () => Date;
}): ComputeMac {
  let kept: { key: () => Promise<MacKey>; until: number } | null = null;
  return async (credential) => {
    const now = deps.now().getTime();
    if (kept === null || kept.until <= now) {
      const key = lazy(() => callOwn("VAULT_UNAVAILABLE", (abortSignal) => openMacKey(deps, abortSignal)));
      kept = { key, until: now + MAC_KEY_MAX_AGE_MS };
    }
    const { version, bytes } = await kept.key();
    return `${version}:${createHmac("sha256", bytes).update(credential).digest("hex")}`;
  };
}

type MacKey = { readonly version: string; readonly bytes: Buffer };

async function openMacKey(
  { vault, randomBytes }: { vault: () => Promise<SecretClient>; randomBytes: RandomBytes },
  abortSignal: AbortSignal,
): Promise<MacKey> {
  const client = await vault();
  const secret = await client.getSecret(MAC_SECRET, { abortSignal }).catch((error: unknown) => {
    if (failureOf(error).status !== 404) throw error;
    // Two processes that start at once make two versions; each names its own in what it records.
    const value = Buffer.from(randomBytes(MAC_KEY_BYTES)).toString("base64");
    return client.setSecret(MAC_SECRET, value, { abortSignal }).catch(explainDeleted);
  });
  const { version } = secret.properties;
  if (secret.value === undefined || version === undefined) {
    throw new BrokenAnswerError({ status: 200, headers: new Map() });
  }
  const bytes = Buffer.from(secret.value, "base64");
  if (bytes.byteLength < MAC_KEY_BYTES) throw tooShort();
  return { version, bytes };
}

/** Under a key that can be guessed the mark of a credential would tell whether a guess of the credential is right. */
function tooShort(): UpstreamError {
  return new UpstreamError(
    "VAULT_UNAVAILABLE",
    `The secret ${MAC_SECRET} of the service's key vault is not a key of at least ${MAC_KEY_BYTES} bytes in base64. An operator must store one as a new version; until then nothing is issued.`,
    { retryable: false },
  );
}

/** A deleted secret keeps its name for up to 90 days: waiting does not help, recovering it does. */
function explainDeleted(error: unknown): never {
  if (failureOf(error).status !== 409) throw error;
  throw new UpstreamError(
    "VAULT_UNAVAILABLE",
    `The secret ${MAC_SECRET} of the service's key vault is deleted. An operator must recover it; until then nothing is issued.`,
    { retryable: false, failure: failureOf(error) },
  );
}
