/** What issuing needs from outside. Other domains are named here as ports and joined in functions/main.ts. */
import type { OpenedContainer, SignIn } from "../connectors/ports.ts";
import type { Lease } from "./lease.ts";

/** Resolves a container inside the named connector. @throws LatchkeyError, see connectors/use.ts */
export type OpenContainer = (connector: string, resourceId: string) => Promise<OpenedContainer>;

/** What the caller gets for a container. `sasToken` has no leading `?`. */
export type BlobSas = { readonly accountUrl: string; readonly containerUrl: string; readonly sasToken: string };
/**
 * Makes SAS tokens under a user delegation key.
 * @throws InputError SIGN_IN_FAILED, UpstreamError UPSTREAM_REFUSED UPSTREAM_TIMEOUT VAULT_UNAVAILABLE
 */
export type IssueBlobSas = (request: {
  readonly signIn: SignIn;
  readonly account: string;
  readonly container: string;
  /** SAS letters, e.g. `rl`. */
  readonly permissions: string;
  readonly expiresAt: Date;
}) => Promise<BlobSas>;

/** Stored leases. Every call: @throws UpstreamError STATE_UNAVAILABLE */
export type LeaseStore = {
  insert(lease: Lease): Promise<void>;
  /** Takes back an insert whose credential was never answered. */
  remove(lease: Lease): Promise<void>;
};

/** The mark by which the audit trail recognises a credential. @throws UpstreamError VAULT_UNAVAILABLE */
export type ComputeMac = (credential: string) => Promise<string>;
