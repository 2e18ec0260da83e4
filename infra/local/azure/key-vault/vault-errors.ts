/** What Key Vault refuses, with its own status, code and text. Thrown by the handlers, answered by key-vault.ts. */

/** One refusal. */
export class VaultError extends Error {
  readonly status: number;
  readonly code: string;
  /** Code of `innererror`: the finer reason. */
  readonly inner: string | undefined;
  /** Challenge of a 401. */
  readonly challenge: string | undefined;

  constructor(
    status: number,
    code: string,
    message: string,
    options: { readonly inner?: string; readonly challenge?: string } = {},
  ) {
    super(message);
    this.name = "VaultError";
    this.status = status;
    this.code = code;
    this.inner = options.inner;
    this.challenge = options.challenge;
  }
}

/** Error in Key Vault's form. */
export function vaultErrorBody(error: {
  readonly code: string;
  readonly message: string;
  readonly inner?: string | undefined;
}): string {
  const inner = error.inner === undefined ? {} : { innererror: { code: error.inner } };
  return JSON.stringify({ error: { code: error.code, message: error.message, ...inner } });
}

/** 400: something in the request cannot be used. */
export function badParameter(message: string): VaultError {
  return new VaultError(400, "BadParameter", message);
}

/** 404 of a secret or a version; `id` is `NAME` or `NAME/VERSION`. */
export function secretNotFound(id: string): VaultError {
  const message = `A secret with (name/id) ${id} was not found in this key vault. If you recently deleted this secret you may be able to recover it using the correct recovery command. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182`;
  return new VaultError(404, "SecretNotFound", message);
}

/** 404 of a deleted secret. */
export function deletedSecretNotFound(name: string): VaultError {
  return new VaultError(404, "SecretNotFound", `Deleted Secret not found: ${name}`);
}

/** 403: the version is disabled. */
export function secretDisabled(): VaultError {
  const message = "Operation get is not allowed on a disabled secret.";
  return new VaultError(403, "Forbidden", message, { inner: "SecretDisabled" });
}

/** 409: the name belongs to a deleted secret. */
export function deletedButRecoverable(name: string): VaultError {
  const message = `Secret ${name} is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the secret can only be recovered or purged.`;
  return new VaultError(409, "Conflict", message, { inner: "ObjectIsDeletedButRecoverable" });
}

/** 409: the deletion has not settled yet. */
export function beingDeleted(name: string): VaultError {
  const message = `Secret ${name} is currently being deleted and cannot be re-created; retry later.`;
  return new VaultError(409, "Conflict", message, { inner: "ObjectIsBeingDeleted" });
}

/** 409: the recovery has not settled yet. */
export function beingRecovered(name: string): VaultError {
  const message = `Secret ${name} is currently being recovered and cannot be re-created; retry later.`;
  return new VaultError(409, "Conflict", message, { inner: "ObjectIsBeingRecovered" });
}
