/** Issuers beside Entra for unit tests: GitHub Actions and an AKS cluster, with what they publish and whom they vouch for. */
import type { JWTPayload } from "jose";
import { createCallerVerifier } from "../../shared/azure/caller-token.ts";
import type { OidcIssuer } from "../../shared/oidc-issuers.ts";
import { NOW, TENANT } from "./fakes.ts";
import { API, type ClaimChanges, keySet, NOW_SECONDS, type SigningKey } from "./fakes-tokens.ts";

export const GITHUB: OidcIssuer = {
  name: "github",
  kind: "github-actions",
  issuer: "https://token.actions.githubusercontent.com",
  audience: "api://latchkey",
};
/** AKS has a slash at the end of its issuers. */
export const CLUSTER: OidcIssuer = {
  name: "train-cluster",
  kind: "oidc",
  issuer: "https://westeurope.oic.prod-aks.azure.com/tenant/cluster/",
  audience: "api://latchkey",
};
export const GITHUB_DISCOVERY = "https://token.actions.githubusercontent.com/.well-known/openid-configuration";
export const GITHUB_KEYS = "https://token.actions.githubusercontent.com/.well-known/jwks";
export const CLUSTER_DISCOVERY =
  "https://westeurope.oic.prod-aks.azure.com/tenant/cluster/.well-known/openid-configuration";
export const CLUSTER_KEYS = "https://westeurope.oic.prod-aks.azure.com/tenant/cluster/openid/v1/jwks";

/** What GitHub puts into a job's token, as far as it matters. */
export function jobClaims(changes: ClaimChanges = {}): JWTPayload {
  return changed(
    {
      ...common(GITHUB),
      sub: "repo:zenml-demo@65/vision@74:ref:refs/heads/main",
      repository: "zenml-demo/vision",
      repository_id: "74",
      repository_owner_id: "65",
      job_workflow_ref: "zenml-demo/vision/.github/workflows/train.yml@refs/heads/main",
      ref: "refs/heads/main",
    },
    changes,
  );
}

/** What a cluster puts into the token of a pod; Kubernetes writes the audience as a list. */
export function podClaims(changes: ClaimChanges = {}): JWTPayload {
  const claims = { ...common(CLUSTER), aud: [CLUSTER.audience], sub: "system:serviceaccount:vision:trainer" };
  return changed(claims, changes);
}

function common({ issuer, audience }: OidcIssuer): JWTPayload {
  return { iss: issuer, aud: audience, iat: NOW_SECONDS, nbf: NOW_SECONDS, exp: NOW_SECONDS + 300 };
}

function changed(claims: JWTPayload, changes: ClaimChanges): JWTPayload {
  return Object.fromEntries(Object.entries({ ...claims, ...changes }).filter(([, value]) => value !== undefined));
}

/** What a document's address answers. */
export type Pages = Readonly<Record<string, () => Response | Promise<Response>>>;

/** Both issuers' own documents. */
export function pagesOf(github: SigningKey, cluster: SigningKey): Pages {
  return {
    [GITHUB_DISCOVERY]: () => Response.json({ issuer: GITHUB.issuer, jwks_uri: GITHUB_KEYS }),
    [GITHUB_KEYS]: () => keySet(github),
    [CLUSTER_DISCOVERY]: () => Response.json({ issuer: CLUSTER.issuer, jwks_uri: CLUSTER_KEYS }),
    [CLUSTER_KEYS]: () => keySet(cluster),
  };
}

/** A verifier for Entra's tenant and both issuers; `requests` are those for documents, in order. */
export function oidcVerifierOf(pages: Pages, oidcIssuers: readonly OidcIssuer[] = [GITHUB, CLUSTER]) {
  const requests: string[] = [];
  const fetchPage: typeof fetch = async (input, init) => {
    const url = String(input);
    requests.push(url);
    const answer = await (pages[url]?.() ?? new Response("nothing here", { status: 404 }));
    const target = answer.headers.get("location");
    if (target === null) return answer;
    if (init?.redirect === "error") throw new TypeError("unexpected redirect");
    return fetchPage(target, init);
  };
  const callers = { tenantIds: [TENANT], apiClientId: API, v1Audiences: [], oidcIssuers };
  const verify = createCallerVerifier({ cloud: "public", callers, fetch: fetchPage, now: () => NOW });
  return { requests, verify: (token: string) => verify(`Bearer ${token}`) };
}
