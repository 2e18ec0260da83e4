/** The documents by which others find GitHub's keys; members and order as GitHub sends them. Served by github.ts. */
import { createHash } from "node:crypto";
import type { SigningKey } from "../entra/signing-key.ts";
import { ISSUER } from "./claims.ts";

/** `/.well-known/openid-configuration` */
export function openIdConfiguration() {
  return {
    issuer: ISSUER,
    jwks_uri: `${ISSUER}/.well-known/jwks`,
    subject_types_supported: ["public", "pairwise"],
    response_types_supported: ["id_token"],
    claims_supported: [
      "sub",
      "aud",
      "exp",
      "iat",
      "iss",
      "jti",
      "nbf",
      "ref",
      "sha",
      "repository",
      "repository_id",
      "repository_owner",
      "repository_owner_id",
      "enterprise",
      "enterprise_id",
      "run_id",
      "run_number",
      "run_attempt",
      "actor",
      "actor_id",
      "workflow",
      "workflow_ref",
      "workflow_sha",
      "head_ref",
      "base_ref",
      "event_name",
      "ref_type",
      "ref_protected",
      "environment",
      "environment_node_id",
      "job_workflow_ref",
      "job_workflow_sha",
      "repository_visibility",
      "runner_environment",
      "issuer_scope",
      "check_run_id",
    ],
    id_token_signing_alg_values_supported: ["RS256"],
    scopes_supported: ["openid"],
  };
}

/** `/.well-known/jwks` */
export function keySet(key: SigningKey) {
  const { n, e, kid: x5t, certificate } = key;
  return { keys: [{ n, kty: "RSA", kid: keyId(key), alg: "RS256", e, use: "sig", x5c: [certificate], x5t }] };
}

/** GitHub names its keys by UUIDs of version 5. */
export function keyId({ certificate }: SigningKey): string {
  const hex = createHash("sha1").update(certificate).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
