/** What making a credential takes and gives, whatever its type. Types only; used by mint.ts and the files of the types. */
import type { Opened } from "../connectors/ports.ts";
import type { Authorized, BlobSas, Scope } from "./ports.ts";

/** An allowed request. */
export type MintRequest = Authorized & {
  readonly connector: string;
  readonly form: string;
  /** How the caller named the resource; `resourceId` is what policy made of it. */
  readonly asked: string;
  readonly access: readonly string[];
  /** Null: the default, or what is allowed if that is less. */
  readonly ttlSeconds: number | null;
};

/** What the caller gets, by kind. */
export type Credential =
  | ({ readonly kind: "sas" } & BlobSas)
  | { readonly kind: "acr-access-token"; readonly loginServer: string; readonly token: string }
  | {
      readonly kind: "docker-login";
      readonly loginServer: string;
      readonly username: string;
      readonly password: string;
    }
  | {
      readonly kind: "kubeconfig";
      /** YAML. */
      readonly kubeconfig: string;
      /** Name of its only context. */
      readonly context: string;
      /** Null: the one that kubectl takes by itself. */
      readonly namespace: string | null;
    }
  | { readonly kind: "access-token"; readonly token: string; readonly audience: string; readonly tenantId: string }
  | {
      readonly kind: "secret";
      readonly value: string;
      readonly version: string;
      readonly contentType: string | null;
      readonly mount: Mount | null;
    };

/** Where a task finds the value. */
export type Mount =
  | { readonly kind: "FILE"; readonly path: string; readonly name: string }
  | { readonly kind: "ENV_VAR"; readonly variable: string };

/** UTC, whole seconds; null = there is none. */
export type CredentialTimes = {
  readonly issuedAt: string;
  readonly expiresAt: string | null;
  readonly refreshAfter: string | null;
};

/** A credential and what it is for. */
export type Minted = Pick<Opened, "connector" | "resourceId" | "displayName"> & {
  readonly times: CredentialTimes;
  /** What it is for, without patterns. */
  readonly scope: Scope;
  /** The latest moment at which it could still work; null = until somebody rotates it. */
  readonly exposedUntil: string | null;
  readonly credential: Credential;
  /** The text by whose MAC the trail knows it again; null where a MAC would let a weak value be guessed. */
  readonly marked: string | null;
  /** Names of what was made or read upstream, for the record. Never a secret. */
  readonly upstream: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
  /** Ready to export. */
  readonly env: Readonly<Record<string, string>>;
};
