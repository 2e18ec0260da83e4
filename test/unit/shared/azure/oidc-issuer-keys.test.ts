import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { MAX_DOCUMENT_BYTES } from "../../../../shared/azure/signing-keys.ts";
import { NOW } from "../../../support/fakes.ts";
import {
  CLUSTER_DISCOVERY,
  CLUSTER_KEYS,
  GITHUB,
  GITHUB_DISCOVERY,
  GITHUB_KEYS,
  jobClaims,
  oidcVerifierOf,
  pagesOf,
  podClaims,
} from "../../../support/fakes-oidc.ts";
import { keySet, sign, signingKey } from "../../../support/fakes-tokens.ts";

const key = await signingKey("github-key");
const cluster = await signingKey("cluster-key");
const next = await signingKey("next-key");
const pages = pagesOf(key, cluster);
const good = await sign(key, jobClaims());
const UNREADABLE = { code: "UPSTREAM_TIMEOUT", retryable: true };

// The key set's cache goes by the wall clock.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: NOW });
});
afterEach(() => {
  vi.useRealTimers();
});
const wait = (milliseconds: number) => vi.setSystemTime(Date.now() + milliseconds);

describe("keys of an issuer beside Entra", () => {
  test("are found by discovery, once, however many callers wait", async () => {
    const { verify, requests } = oidcVerifierOf(pages);
    await Promise.all([verify(good), verify(good), verify(good)]);
    await verify(good);
    expect(requests).toEqual([GITHUB_DISCOVERY, GITHUB_KEYS]);
  });

  test("are found below the issuer's path, whose last slash is not doubled", async () => {
    const { verify, requests } = oidcVerifierOf(pages);
    await verify(await sign(cluster, podClaims()));
    expect(requests).toEqual([CLUSTER_DISCOVERY, CLUSTER_KEYS]);
  });

  test("an unknown key id asks anew, but not again and again", async () => {
    const { verify, requests } = oidcVerifierOf(pages);
    await verify(good);
    const unknown = await sign(next, jobClaims());
    for (const asked of [2, 4]) {
      for (let attempt = 0; attempt < 5; attempt++) {
        await expect(verify(unknown)).rejects.toMatchObject({ code: "TOKEN_INVALID" });
      }
      expect(requests).toHaveLength(asked);
      wait(30_001);
    }
  });

  test("a new key is found after the cool-down, the old one is dropped with it", async () => {
    let published = key;
    const { verify } = oidcVerifierOf({ ...pages, [GITHUB_KEYS]: () => keySet(published) });
    await verify(good);
    published = next;
    wait(30_001);
    expect(await verify(await sign(next, jobClaims()))).toMatchObject({ id: "github:74" });
    await expect(verify(good)).rejects.toMatchObject({ code: "TOKEN_INVALID" });
  });

  test("are asked for anew after a day, discovery too", async () => {
    const { verify, requests } = oidcVerifierOf(pages);
    await verify(good);
    wait(24 * 3_600_000 - 1000);
    await verify(good);
    expect(requests).toHaveLength(2);
    wait(1001);
    await verify(good);
    expect(requests).toEqual([GITHUB_DISCOVERY, GITHUB_KEYS, GITHUB_DISCOVERY, GITHUB_KEYS]);
  });

  test.each([
    ["on another host", "https://evil.example/.well-known/jwks"],
    ["on a host that begins alike", `${GITHUB.issuer}.evil.example/jwks`],
    ["behind a user name", "https://token.actions.githubusercontent.com@evil.example/jwks"],
    ["with a user name", "https://user:pass@token.actions.githubusercontent.com/jwks"],
    ["on another port", "https://token.actions.githubusercontent.com:8443/jwks"],
    ["over http", "http://token.actions.githubusercontent.com/jwks"],
    ["in the document itself", "data:application/json,{}"],
    ["nowhere", "not a url"],
    ["at a path alone", "/.well-known/jwks"],
  ])("%s are never fetched", async (_what, jwksUri) => {
    const { verify, requests } = oidcVerifierOf({
      ...pages,
      [GITHUB_DISCOVERY]: () => Response.json({ issuer: GITHUB.issuer, jwks_uri: jwksUri }),
      [jwksUri]: () => keySet(key),
    });
    await expect(verify(good)).rejects.toMatchObject(UNREADABLE);
    expect(requests).toEqual([GITHUB_DISCOVERY]);
  });

  test.each<[string, unknown]>([
    ["of another issuer", { issuer: "https://evil.example", jwks_uri: GITHUB_KEYS }],
    ["of the issuer with a slash more", { issuer: `${GITHUB.issuer}/`, jwks_uri: GITHUB_KEYS }],
    ["without an issuer", { jwks_uri: GITHUB_KEYS }],
    ["without keys", { issuer: GITHUB.issuer }],
    ["that is a list", []],
  ])("a discovery document %s leads nowhere", async (_what, document) => {
    const { verify, requests } = oidcVerifierOf({ ...pages, [GITHUB_DISCOVERY]: () => Response.json(document) });
    await expect(verify(good)).rejects.toMatchObject(UNREADABLE);
    expect(requests).toEqual([GITHUB_DISCOVERY]);
  });

  test.each([GITHUB_DISCOVERY, GITHUB_KEYS])("a redirect from %s is not followed", async (from) => {
    const elsewhere = "https://token.actions.githubusercontent.com/elsewhere";
    const { verify, requests } = oidcVerifierOf({
      ...pages,
      [from]: () => new Response(null, { status: 302, headers: { location: elsewhere } }),
      [elsewhere]: pages[from] ?? Response.error,
    });
    await expect(verify(good)).rejects.toMatchObject(UNREADABLE);
    expect(requests).not.toContain(elsewhere);
  });

  test.each([GITHUB_DISCOVERY, GITHUB_KEYS])("an endless answer of %s is read to the limit", async (from) => {
    let sent = 0;
    const chunk = new Uint8Array(16_384).fill(32);
    const endless = () =>
      new Response(
        new ReadableStream({
          pull(controller) {
            sent += chunk.byteLength;
            controller.enqueue(chunk);
          },
        }),
      );
    const { verify } = oidcVerifierOf({ ...pages, [from]: endless });
    await expect(verify(good)).rejects.toMatchObject(UNREADABLE);
    expect(sent).toBeLessThan(MAX_DOCUMENT_BYTES + 4 * chunk.byteLength);
  });

  test("a document as large as allowed is read", async () => {
    const text = JSON.stringify({ issuer: GITHUB.issuer, jwks_uri: GITHUB_KEYS }).padEnd(MAX_DOCUMENT_BYTES);
    const { verify } = oidcVerifierOf({ ...pages, [GITHUB_DISCOVERY]: () => new Response(text) });
    expect(await verify(good)).toMatchObject({ id: "github:74" });
  });

  test.each<[string, () => Response | Promise<Response>]>([
    ["nobody answers", () => Promise.reject(new TypeError("fetch failed"))],
    ["it takes too long", () => Promise.reject(new DOMException("late", "TimeoutError"))],
    ["the issuer fails", () => new Response("no", { status: 503 })],
    ["the issuer answers nothing", () => new Response(null, { status: 204 })],
    ["the answer is no JSON", () => new Response("<html>")],
    ["the answer is no key set", () => Response.json({ keys: "none" })],
  ])("%s: UPSTREAM_TIMEOUT, not the caller's fault, and the next call tries again", async (_what, failing) => {
    for (const page of [GITHUB_DISCOVERY, GITHUB_KEYS]) {
      let isDown = true;
      const { verify } = oidcVerifierOf({
        ...pages,
        [page]: () => (isDown ? failing() : (pages[page]?.() ?? Response.error())),
      });
      await expect(verify(good)).rejects.toMatchObject(UNREADABLE);
      isDown = false;
      expect(await verify(good)).toMatchObject({ id: "github:74" });
    }
  });

  test.each([GITHUB_DISCOVERY, GITHUB_KEYS])(
    "what %s says with another status than 200 does not count",
    async (page) => {
      const body = await (await pages[page]?.())?.text();
      const { verify } = oidcVerifierOf({ ...pages, [page]: () => new Response(body, { status: 203 }) });
      await expect(verify(good)).rejects.toMatchObject(UNREADABLE);
    },
  );

  test("one issuer that is down does not keep another's callers out", async () => {
    const { verify } = oidcVerifierOf({ ...pages, [GITHUB_DISCOVERY]: () => new Response("no", { status: 503 }) });
    await expect(verify(good)).rejects.toMatchObject(UNREADABLE);
    expect(await verify(await sign(cluster, podClaims()))).toMatchObject({ tenantId: "train-cluster" });
  });
});
