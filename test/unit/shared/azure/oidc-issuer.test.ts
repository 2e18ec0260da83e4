import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { describe, expect, test } from "vitest";
import { TENANT } from "../../../support/fakes.ts";
import {
  CLUSTER,
  GITHUB,
  GITHUB_KEYS,
  jobClaims,
  oidcVerifierOf,
  pagesOf,
  podClaims,
} from "../../../support/fakes-oidc.ts";
import {
  appClaims,
  type ClaimChanges,
  keySet,
  NOW_SECONDS,
  rawToken,
  sign,
  signingKey,
} from "../../../support/fakes-tokens.ts";

const github = await signingKey("github-key");
const cluster = await signingKey("cluster-key");
const stranger = await signingKey("stranger-key");
const pages = pagesOf(github, cluster);
const { verify } = oidcVerifierOf(pages);
const INVALID = { code: "TOKEN_INVALID" };
const WRONG_AUDIENCE = { code: "TOKEN_WRONG_AUDIENCE" };

describe("takes", () => {
  test("a GitHub job, by the number of its repository, as a user of the service", async () => {
    expect(await verify(await sign(github, jobClaims()))).toEqual({
      kind: "workload",
      issuer: GITHUB.issuer,
      tenantId: "github",
      subject: "74",
      id: "github:74",
      groups: [],
      roles: ["Latchkey.User"],
    });
  });

  test("a pod, by its cluster's name in the settings and its subject", async () => {
    expect(await verify(await sign(cluster, podClaims()))).toEqual({
      kind: "workload",
      issuer: CLUSTER.issuer,
      tenantId: "train-cluster",
      subject: "system:serviceaccount:vision:trainer",
      id: "workload:train-cluster/system:serviceaccount:vision:trainer",
      groups: [],
      roles: ["Latchkey.User"],
    });
  });

  test.each<[string, ClaimChanges]>([
    ["another subject, in the old form", { sub: "repo:zenml-demo/vision:environment:prod" }],
    ["another name", { repository: "renamed/vision" }],
    ["roles and groups of its own making", { roles: ["Latchkey.Admin"], groups: ["6a7b8c9d"] }],
    ["Entra's claims beside its own", { tid: "t", oid: "o", idtyp: "app", ver: "2.0" }],
    ["a list of one audience", { aud: [GITHUB.audience] }],
  ])("a job as the same caller, with %s", async (_what, changes) => {
    const caller = await verify(await sign(github, jobClaims(changes)));
    expect(caller).toMatchObject({ id: "github:74", groups: [], roles: ["Latchkey.User"] });
  });
});

describe("refuses a job's token", () => {
  test.each<[string, ClaimChanges, object]>([
    ["of an issuer with a slash more", { iss: `${GITHUB.issuer}/` }, INVALID],
    ["of an issuer over http", { iss: GITHUB.issuer.replace("https", "http") }, INVALID],
    ["of an issuer in capitals", { iss: GITHUB.issuer.toUpperCase() }, INVALID],
    ["of a host that begins alike", { iss: `${GITHUB.issuer}.evil.example` }, INVALID],
    ["of a host behind a user name", { iss: "https://token.actions.githubusercontent.com@evil.example" }, INVALID],
    ["of an enterprise's own path", { iss: `${GITHUB.issuer}/octo-enterprise` }, INVALID],
    ["with the port spelt out", { iss: `${GITHUB.issuer}:443` }, INVALID],
    ["of no issuer", { iss: undefined }, INVALID],
    ["of a list of issuers", { iss: [GITHUB.issuer] }, INVALID],
    ["for Azure", { aud: "api://AzureADTokenExchange" }, WRONG_AUDIENCE],
    ["for the owner's page", { aud: "https://github.com/zenml-demo" }, WRONG_AUDIENCE],
    ["for our audience in another case", { aud: "API://latchkey" }, WRONG_AUDIENCE],
    ["for nobody", { aud: undefined }, WRONG_AUDIENCE],
    ["for us and somebody else", { aud: [GITHUB.audience, "api://other"] }, INVALID],
    ["for us twice", { aud: [GITHUB.audience, GITHUB.audience] }, INVALID],
    ["without the repository's number", { repository_id: undefined }, INVALID],
    ["with a number that is no string", { repository_id: 74 }, INVALID],
    ["with a number written otherwise", { repository_id: "074" }, INVALID],
    ["with a number and more", { repository_id: "74/x" }, INVALID],
    ["with an empty number", { repository_id: "" }, INVALID],
    ["without the owner's number", { repository_owner_id: undefined }, INVALID],
    ["without the workflow", { job_workflow_ref: undefined }, INVALID],
    ["without the ref", { ref: undefined }, INVALID],
    ["without an end", { exp: undefined }, INVALID],
    ["without a start", { nbf: undefined }, INVALID],
    ["of before", { exp: NOW_SECONDS - 61 }, { code: "TOKEN_EXPIRED" }],
    ["of later", { nbf: NOW_SECONDS + 61 }, INVALID],
  ])("%s", async (_what, changes, refusal) => {
    await expect(verify(await sign(github, jobClaims(changes)))).rejects.toMatchObject(refusal);
  });

  test("signed by the other issuer's key, whatever name the key is given", async () => {
    await expect(verify(await sign(cluster, jobClaims()))).rejects.toMatchObject(INVALID);
    await expect(verify(await sign(cluster, jobClaims(), { kid: github.kid }))).rejects.toMatchObject(INVALID);
    await expect(verify(await sign(github, podClaims(), { kid: cluster.kid }))).rejects.toMatchObject(INVALID);
  });

  test("signed by Entra's key, as little as the other way round", async () => {
    const entra = await signingKey("entra-key");
    const keys = `https://login.microsoftonline.com/${TENANT}/discovery/v2.0/keys`;
    const { verify: verifyAll } = oidcVerifierOf({ ...pages, [keys]: () => keySet(entra) });
    expect(await verifyAll(await sign(entra, appClaims()))).toMatchObject({ kind: "app" });
    await expect(verifyAll(await sign(entra, jobClaims(), { kid: github.kid }))).rejects.toMatchObject(INVALID);
    await expect(verifyAll(await sign(github, appClaims(), { kid: entra.kid }))).rejects.toMatchObject(INVALID);
  });

  test("that brings its own key, names none, or points to one elsewhere", async () => {
    const { privateKey, jwk } = stranger;
    const own = { privateKey, jwk, kid: github.kid };
    await expect(verify(await sign(own, jobClaims(), { jwk }))).rejects.toMatchObject(INVALID);
    await expect(verify(await sign(own, jobClaims(), { jku: "https://evil.example/" }))).rejects.toMatchObject(INVALID);
    await expect(verify(await sign(github, jobClaims(), { kid: undefined }))).rejects.toMatchObject(INVALID);
  });

  test("without a signature, or with one of another algorithm that is published too", async () => {
    await expect(verify(rawToken({ alg: "none", kid: github.kid }, jobClaims()))).rejects.toMatchObject(INVALID);
    const pair = await generateKeyPair("ES256");
    const jwk = { ...(await exportJWK(pair.publicKey)), kid: "es", use: "sig" };
    const { verify: verifyBoth } = oidcVerifierOf({
      ...pages,
      [GITHUB_KEYS]: () => Response.json({ keys: [github.jwk, jwk] }),
    });
    const token = await new SignJWT(jobClaims()).setProtectedHeader({ alg: "ES256", kid: "es" }).sign(pair.privateKey);
    await expect(verifyBoth(token)).rejects.toMatchObject(INVALID);
    expect(await verifyBoth(await sign(github, jobClaims()))).toMatchObject({ id: "github:74" });
  });
});

describe("refuses a pod's token", () => {
  test.each<[string, ClaimChanges, object]>([
    ["of its issuer without the slash", { iss: CLUSTER.issuer.replace(/\/$/, "") }, INVALID],
    ["of another cluster of the same tenant", { iss: CLUSTER.issuer.replace("cluster", "other") }, INVALID],
    ["for the cluster itself", { aud: ["https://kubernetes.default.svc"] }, WRONG_AUDIENCE],
    ["for the cluster and us", { aud: ["https://kubernetes.default.svc", CLUSTER.audience] }, INVALID],
    ["without a subject", { sub: undefined }, INVALID],
    ["with a subject that no membership can name", { sub: "system:serviceaccount:vision:a b" }, INVALID],
    ["with a subject that is too long", { sub: "x".repeat(256) }, INVALID],
    ["without an end", { exp: undefined }, INVALID],
  ])("%s", async (_what, changes, refusal) => {
    await expect(verify(await sign(cluster, podClaims(changes)))).rejects.toMatchObject(refusal);
  });

  test("that names a repository: no cluster speaks for GitHub", async () => {
    const caller = await verify(await sign(cluster, podClaims({ sub: "github:74", repository_id: "74" })));
    expect(caller.id).toBe("workload:train-cluster/github:74");
  });
});

test("without the setting no token of GitHub is taken, and nobody is asked for keys", async () => {
  const { verify: verifyNone, requests } = oidcVerifierOf(pages, []);
  await expect(verifyNone(await sign(github, jobClaims()))).rejects.toMatchObject(INVALID);
  expect(requests).toEqual([]);
});
