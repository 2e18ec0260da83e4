/** What was found in Azure, of every resource type. Types alone; see find-resources.ts. */
import type { CloudName } from "../cloud.ts";
import type { LatchkeyError } from "../errors.ts";
import type { Limits } from "./inventory.ts";
import type { Cluster, Registry, Subscription, Vault } from "./ports.ts";
import type { BlobContainerId } from "./resource-name.ts";
import type { ResourceType } from "./resource-type.ts";

type FoundOf<T extends ResourceType, D> = {
  readonly resourceType: T;
  /** Canonical. Of a vault, which is no resource that is lent but holds them: its ARM id. */
  readonly resourceId: string;
  /** As people see it; two resources may have the same. */
  readonly displayName: string;
  readonly details: D;
};
/** See each type of the ports. */
export type FoundRegistry = FoundOf<"docker-registry", Registry>;
/** An AKS cluster. */
export type FoundCluster = FoundOf<"kubernetes-cluster", Cluster>;
/** A vault, for the secrets in it; null details: the one secret that the connector is limited to, whose vault is not looked up. */
export type FoundVault = FoundOf<"key-vault-secret", Vault | null>;
/** A blob container. */
export type FoundContainer = FoundOf<"blob-container", BlobContainerId>;
/** A subscription. */
export type FoundSubscription = FoundOf<"azure-generic", Subscription>;
/** A resource of any type. */
export type Found = FoundRegistry | FoundCluster | FoundVault | FoundContainer | FoundSubscription;

/** A part of Azure that could not be listed. */
export type Unread = {
  /** `subscription <id>`, or the name of a storage account. */
  readonly where: string;
  readonly error: LatchkeyError;
};
/** What was found, in order of its id, and what could not be looked at: then the list is not whole. */
export type Listing<F extends Found = Found> = {
  readonly found: readonly F[];
  readonly unread: readonly Unread[];
  /** Storage accounts whose containers were left unlisted to spare Azure; 0 unless given. */
  readonly unlisted?: number;
};

/** Everything that decides what a connector reaches. */
export type Reach = Limits & {
  readonly cloud: CloudName;
  /** The service's own key vaults, which nobody is lent from. */
  readonly ownVaults: readonly string[];
};
