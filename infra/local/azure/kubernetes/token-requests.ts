/** POST serviceaccounts/NAME/token: a token for a ServiceAccount, bound to a Secret or not. Called by kubernetes.ts. */
import { z } from "zod";
import { resourceOfKind } from "./api-resources.ts";
import { ApiError, badRequest, conflict, invalid, notFound } from "./api-status.ts";
import { type ClusterState, findObject, timestamp } from "./kube-object.ts";
import { invalidValue } from "./object-names.ts";
import { getObject } from "./object-operations.ts";
import type { ServiceAccountTokens } from "./service-account-tokens.ts";

const requestSchema = z.looseObject({
  apiVersion: z.string().default(""),
  kind: z.string().default(""),
  metadata: z.looseObject({ name: z.string().nullish(), namespace: z.string().nullish() }).nullish(),
  spec: z
    .looseObject({
      audiences: z.array(z.string()).nullish(),
      expirationSeconds: z.int().nullish(),
      boundObjectRef: z
        .object({
          kind: z.string().default(""),
          apiVersion: z.string().default(""),
          name: z.string().default(""),
          uid: z.string().default(""),
        })
        .nullish(),
    })
    .nullish(),
});

/** Seconds. Source: kubernetes, pkg/apis/authentication/v1/defaults.go and validation/validation.go. */
const DEFAULT_SECONDS = 3600;
const MIN_SECONDS = 600;
const MAX_SECONDS = 2 ** 32;

const SERVICE_ACCOUNT = resourceOfKind("ServiceAccount");
const SECRET = resourceOfKind("Secret");
const TOKEN_REQUEST = { group: "authentication.k8s.io", plural: "tokenrequests", kind: "TokenRequest" };
/** Further kinds that the real server binds to. */
const OTHER_BINDINGS = new Set(["v1/Pod", "v1/Node"]);

/** The answer, and what the server warns of. */
export type IssuedToken = { readonly body: unknown; readonly warning: string | undefined };

/**
 * @param deps.maxSeconds to which a longer life is shortened; 0 for none
 * @throws ApiError 404 without account or Secret, 409 when the Secret is another by now, 422 when the request is wrong
 */
export async function requestToken(
  value: unknown,
  place: { readonly namespace: string; readonly name: string },
  deps: {
    readonly state: ClusterState;
    readonly tokens: ServiceAccountTokens;
    readonly audience: string;
    readonly maxSeconds: number;
    readonly now: () => Date;
  },
): Promise<IssuedToken> {
  const parsed = requestSchema.safeParse(value);
  if (!parsed.success) throw badRequest('TokenRequest in version "v1" cannot be handled as a TokenRequest');
  const { metadata, kind, apiVersion } = parsed.data;
  const spec = parsed.data.spec ?? {};
  if ((kind !== "" && kind !== "TokenRequest") || (apiVersion !== "" && apiVersion !== "authentication.k8s.io/v1")) {
    throw badRequest(`the kind ${kind} and version ${apiVersion} are no TokenRequest of authentication.k8s.io/v1`);
  }
  const named = [
    { field: "metadata.name", given: metadata?.name, is: place.name, what: "service account name" },
    { field: "metadata.namespace", given: metadata?.namespace, is: place.namespace, what: "service account namespace" },
  ];
  for (const { field, given, is, what } of named) {
    if (given && given !== is) {
      throw invalid(TOKEN_REQUEST, place.name, [invalidValue(field, given, `must match the ${what} if specified`)]);
    }
  }
  const account = getObject(deps.state, SERVICE_ACCOUNT, place.namespace, place.name);
  const asked = spec.expirationSeconds ?? DEFAULT_SECONDS;
  const field = "spec.expirationSeconds";
  if (asked < MIN_SECONDS) {
    throw invalid(TOKEN_REQUEST, "", [invalidValue(field, asked, "may not specify a duration less than 10 minutes")]);
  }
  if (asked > MAX_SECONDS) {
    throw invalid(TOKEN_REQUEST, "", [
      invalidValue(field, asked, "may not specify a duration larger than 2^32 seconds"),
    ]);
  }
  const secret = boundSecret(spec.boundObjectRef ?? undefined, place.namespace, deps.state);
  const isShortened = deps.maxSeconds > 0 && asked > deps.maxSeconds;
  const seconds = isShortened ? deps.maxSeconds : asked;
  const issuedAt = deps.now();
  const expiresAt = new Date((Math.floor(issuedAt.getTime() / 1000) + seconds) * 1000);
  const audiences = spec.audiences?.length ? spec.audiences : [deps.audience];
  const token = await deps.tokens.sign({ account, secret, audiences, issuedAt, expiresAt });
  const { name, namespace, uid } = account.metadata;
  return {
    warning: isShortened ? `requested expiration of ${asked} seconds shortened to ${seconds} seconds` : undefined,
    body: {
      kind: "TokenRequest",
      apiVersion: "authentication.k8s.io/v1",
      metadata: { name, namespace, uid, creationTimestamp: timestamp(issuedAt) },
      spec: { audiences, expirationSeconds: seconds, boundObjectRef: spec.boundObjectRef ?? null },
      status: { token, expirationTimestamp: timestamp(expiresAt) },
    },
  };
}

type Reference = { readonly kind: string; readonly apiVersion: string; readonly name: string; readonly uid: string };
function boundSecret(reference: Reference | undefined, namespace: string, state: ClusterState) {
  if (reference === undefined) return undefined;
  const { kind, apiVersion, name, uid } = reference;
  if (OTHER_BINDINGS.has(`${apiVersion}/${kind}`)) {
    throw new ApiError(501, "NotImplemented", `The local API server binds no token to a ${kind}.`);
  }
  if (kind !== "Secret" || apiVersion !== "v1") {
    throw badRequest(`cannot bind token for serviceaccount to object of type ${apiVersion}, Kind=${kind}`);
  }
  const found = findObject(state, SECRET, namespace, name);
  if (found === undefined) throw notFound(SECRET, name);
  if (uid !== "" && uid !== found.metadata.uid) {
    const why = `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`;
    throw conflict(SECRET, name, why);
  }
  return found;
}
