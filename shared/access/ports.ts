/** What access needs from outside: stored policy, and what a resource's name means. */
import type { Scope } from "../scope.ts";
import type { Policy } from "./policy.ts";

/** Kinds of policy records. */
export type PolicyKind = "membership" | "grant";
/** A stored record with its ETag. `spec` is checked by the reader. */
export type StoredPolicy = { readonly name: string; readonly spec: unknown; readonly etag: string };

/** Stored policy. Every call: @throws UpstreamError STATE_UNAVAILABLE */
export type PolicyStore = {
  readAll(kind: PolicyKind): Promise<readonly StoredPolicy[]>;
  /** At most `limit` records whose names follow `after`, in order. */
  list(kind: PolicyKind, after: string, limit: number): Promise<readonly StoredPolicy[]>;
  find(kind: PolicyKind, name: string): Promise<StoredPolicy | null>;
  /**
   * @param ifMatch the ETag that the writer saw; null = it must not exist yet
   * @returns the new ETag; null when it is not as the writer saw it
   */
  write(kind: PolicyKind, name: string, spec: unknown, by: string, ifMatch: string | null): Promise<string | null>;
  /** False when it is not as the writer saw it. */
  remove(kind: PolicyKind, name: string, ifMatch: string): Promise<boolean>;
};

/** Policy that is fresh enough to decide by. @throws UpstreamError STATE_UNAVAILABLE when it is not */
export type PolicySource = () => Promise<Policy>;

/** Whether what a caller wrote means the resource with this canonical id. Pure. */
export type Means = (resourceType: string, text: string, canonicalId: string) => boolean;

/** What is asked for, as the caller wrote it, with the defaults of its resource type filled in. */
export type Ask = {
  readonly connector: string;
  readonly resourceType: string;
  readonly resourceId: string;
  readonly access: readonly string[];
  readonly scope: Scope;
  readonly form: string;
  readonly defaultForm: string;
  /** See AccessRequest of decide.ts. */
  readonly isWhole: boolean;
  readonly ttlSeconds: number | null;
  readonly project: string | null;
  readonly domain: string | null;
};

/**
 * Whether a credential for a resource could be used on what a denial stands on, though that is another resource. Pure.
 * @param denied canonical id of a resource or of what stands above resources, or `*`
 */
export type Reaches = (lent: Pick<Ask, "resourceType" | "resourceId" | "form" | "scope">, denied: string) => boolean;

/** What policy allows. `resourceId` is canonical, `asked` as the caller wrote it. */
export type Allowed = Pick<Ask, "connector" | "resourceType" | "resourceId" | "form" | "scope" | "ttlSeconds"> & {
  readonly asked: string;
  /** Longest life now: the grant's bound, and its end. */
  readonly maxTtlSeconds: number;
  readonly grantExpiresAt: string | null;
};
/** What would make issuing refuse although policy allows, found as issuing finds it. `detail` is for a person. */
export type Obstacle = { readonly check: "resource" | "form" | "scope" | "ttl"; readonly detail: string };
/**
 * Looks for an obstacle without making a credential; null: none that can be known before.
 * @throws UpstreamError when that cannot be found out now
 */
export type FindObstacle = (allowed: Allowed) => Promise<Obstacle | null>;
