/** Writes a secret whatever stands under its name, also what was deleted and still holds it. Used by key-vault.ts. */
import type { SecretClient } from "@azure/keyvault-secrets";
import { failureOf } from "./upstream.ts";

/** Tries of one write, and milliseconds between them: a deletion or recovery settles within few seconds. */
const MAX_TRIES = 6;
const RETRY_MS = 1_000;
/** Milliseconds between looks whether a recovery is done. */
const POLL_MS = 500;

/** What can hold a name. Source: Key Vault's documentation of soft delete, and its own answers. */
const IN_THE_WAY = ["ObjectIsDeletedButRecoverable", "ObjectIsBeingDeleted", "ObjectIsBeingRecovered"] as const;

/** Resolves after so many milliseconds, or rejects when the signal says so. */
export type Wait = (ms: number, value: undefined, options: { signal: AbortSignal }) => Promise<unknown>;

/**
 * The new version's id. A deleted secret of this name is recovered, for nothing else frees the name when the vault is
 * protected from purging; its old values stay disabled.
 * @throws what the SDK throws
 */
export async function putSecret(
  client: SecretClient,
  { name, value }: { readonly name: string; readonly value: string },
  wait: Wait,
  abortSignal: AbortSignal,
): Promise<string> {
  for (let tries = 1; ; tries++) {
    try {
      const { properties } = await client.setSecret(name, value, { abortSignal });
      if (properties.version === undefined) throw new Error("the vault named no version");
      return properties.version;
    } catch (error) {
      const reason = reasonOf(error);
      if (reason === undefined || tries === MAX_TRIES) throw error;
      if (reason === "ObjectIsDeletedButRecoverable") await recoverDisabled(client, name, abortSignal);
      else await wait(RETRY_MS, undefined, { signal: abortSignal });
    }
  }
}

/** What was deleted must not come to life again: nobody may sign in with it. */
async function recoverDisabled(client: SecretClient, name: string, abortSignal: AbortSignal): Promise<void> {
  const recovery = await client.beginRecoverDeletedSecret(name, { abortSignal, intervalInMs: POLL_MS });
  await recovery.pollUntilDone();
  for await (const { version, enabled } of client.listPropertiesOfSecretVersions(name, { abortSignal })) {
    if (version === undefined || enabled === false) continue;
    await client.updateSecretProperties(name, version, { enabled: false, abortSignal });
  }
}

/** Key Vault's finer reason of a conflict; the SDK writes its `innererror` in its own way. */
function reasonOf(error: unknown): (typeof IN_THE_WAY)[number] | undefined {
  if (failureOf(error).status !== 409) return undefined;
  const inner = memberOf(memberOf(memberOf(error, "details"), "error"), "innerError");
  const code = memberOf(inner, "code");
  return IN_THE_WAY.find((name) => name === code);
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}
