/** Everything that issuing, renewing and ending needs, in memory, with a journal of the calls. Used by the unit tests. */
import type { AuditEvent } from "../../shared/audit/record.ts";
import { blobCredentialRequestSchema } from "../../shared/credentials/blob-container.ts";
import type { IssueDeps } from "../../shared/credentials/issue.ts";
import type { Ask, Authorized } from "../../shared/credentials/ports.ts";
import { countingBytes, now, SUBSCRIPTION, signIn } from "./fakes.ts";
import { containerId } from "./fakes-access.ts";
import { leaseDueStore, leaseStore } from "./fakes-leases.ts";
import { UNUSED_MINTS } from "./fakes-mint.ts";

/** No record may hold the text behind `sig=`. */
export const ISSUED_SAS = "sv=2026-04-06&sig=the-signature-that-must-not-be-kept";
/** Ten minutes of the container `data`. */
export const CREDENTIAL_REQUEST = {
  ...blobCredentialRequestSchema.parse({
    resourceType: "blob-container",
    resourceId: "az://data",
    access: ["read", "list"],
    ttlSeconds: 600,
    project: "vision",
    reason: "train 42",
  }),
  connector: "azure",
};

/** @param options.connectorExpiresAt of the connector; `allowed` is what policy says instead of a day by `grant:lend` */
export function issueParts(options: { connectorExpiresAt?: string | null; allowed?: Partial<Authorized> } = {}) {
  const journal: string[] = [];
  const leases = leaseStore(journal);
  const events: AuditEvent[] = [];
  const asks: Ask[] = [];
  const minted: Parameters<IssueDeps["issueBlobSas"]>[0][] = [];
  const notUsed = () => Promise.reject(new Error("not asked for"));
  const deps: IssueDeps = {
    connectorName: async (nameOrId) => (nameOrId.length === 36 ? "azure" : nameOrId),
    async authorize(by, ask) {
      journal.push(`authorize ${by.id} ${ask.connector} ${ask.resourceId}`);
      asks.push(ask);
      return {
        rule: "grant:lend",
        resourceId: containerId("data"),
        scope: ask.scope,
        maxTtlSeconds: 86_400,
        grantExpiresAt: null,
        ...options.allowed,
      };
    },
    async openContainer(name, resourceId) {
      journal.push(`open ${name} ${resourceId}`);
      return {
        connector: { id: "11111111-2222-4333-8444-555555555555", name, expiresAt: options.connectorExpiresAt ?? null },
        resourceId: containerId("data"),
        displayName: "az://data",
        container: { subscriptionId: SUBSCRIPTION, resourceGroup: "group", account: "accountone", container: "data" },
        signIn: signIn(),
      };
    },
    ...UNUSED_MINTS,
    openVaultSecret: notUsed,
    readVaultSecret: notUsed,
    openSubscription: notUsed,
    audienceUri: (name) => name,
    issueToken: notUsed,
    async issueBlobSas(wanted) {
      journal.push("mint");
      minted.push(wanted);
      const accountUrl = "https://accountone.blob.core.windows.net";
      return { sas: { accountUrl, containerUrl: `${accountUrl}/data`, sasToken: ISSUED_SAS }, keyAskedAt: now() };
    },
    leases,
    leaseDue: leaseDueStore(),
    upstreamForms: new Map(),
    refuseUnusable: async () => {},
    async appendAudit(event) {
      journal.push(`audit ${event.outcome}`);
      events.push(event);
    },
    async computeMac(credential) {
      journal.push("mac");
      return `v1:${credential.length}`;
    },
    now,
    randomBytes: countingBytes,
  };
  return { deps, journal, leases, events, asks, minted };
}
