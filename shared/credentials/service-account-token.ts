/** What a token of a ServiceAccount says of itself, and whether it is the one that was asked for. Used by service-account.ts. */
import { z } from "zod";
import { UpstreamError } from "../errors.ts";
import type { Named } from "./cluster-ports.ts";

/**
 * A cluster's clock may be this much ahead of ours, in seconds; what says that it works longer is not believed to be what
 * was asked for.
 */
const CLOCK_SECONDS = 60;
const seconds = z.int().min(0).max(4_102_444_800);
/** Source: Kubernetes documentation, Managing Service Accounts, "Schema for service account private claims". */
const claimsSchema = z.object({
  sub: z.string(),
  iat: seconds,
  exp: seconds,
  "kubernetes.io": z.object({
    namespace: z.string(),
    serviceaccount: z.object({ name: z.string() }),
    secret: z.object({ name: z.string(), uid: z.string() }),
    pod: z.undefined().optional(),
    node: z.undefined().optional(),
  }),
});

/** What was asked for. `seconds`: its life. */
export type AskedToken = {
  readonly account: Named;
  readonly secret: { readonly name: string; readonly uid: string };
  readonly seconds: number;
};

/**
 * When the token ends: that may be earlier than asked. A Secret's uid is this cluster's alone, so one of another cluster
 * is not taken either.
 * @throws UpstreamError UPSTREAM_REFUSED for a token that is for something else, dies with nothing of ours, is over, or
 * outlives what was asked
 */
export function endOfToken(token: string, asked: AskedToken, now: Date): Date {
  const claims = read(token);
  if (claims === null) throw refused("says nothing that can be checked");
  const { sub, iat, exp, "kubernetes.io": of } = claims;
  const { namespace, name } = asked.account;
  const isAccount =
    sub === `system:serviceaccount:${namespace}:${name}` &&
    of.namespace === namespace &&
    of.serviceaccount.name === name;
  if (!isAccount) throw refused("is another account's");
  if (of.secret.name !== asked.secret.name || of.secret.uid !== asked.secret.uid) {
    throw refused("would not end with its lease");
  }
  const nowSeconds = Math.floor(now.getTime() / 1000);
  const latest = Math.min(iat, nowSeconds + CLOCK_SECONDS) + asked.seconds;
  if (exp > latest || exp <= nowSeconds) throw refused("has another life than was asked for");
  return new Date(exp * 1000);
}

/** Null for what is no such token: the cause may repeat it and is dropped. */
function read(token: string) {
  const [, payload = "", , more] = token.split(".");
  if (more !== undefined) return null;
  try {
    const claims = claimsSchema.safeParse(JSON.parse(Buffer.from(payload, "base64url").toString("utf8")));
    return claims.success ? claims.data : null;
  } catch {
    return null;
  }
}

function refused(what: string): UpstreamError {
  return new UpstreamError(
    "UPSTREAM_REFUSED",
    `The cluster gave a token that ${what}, so it is not lent. Have somebody look at the cluster's API server.`,
    { retryable: false },
  );
}
