import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { NOW, TENANT } from "../../../support/fakes.ts";
import {
  appClaims,
  keyFor,
  keySet,
  OTHER_TENANT,
  sign,
  signingKey,
  v1Claims,
  verifierOf,
} from "../../../support/fakes-tokens.ts";

const key = await signingKey("key-1");
const next = await signingKey("key-2");
const good = await sign(key, appClaims());

// The key set's cache goes by the wall clock.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: NOW });
});
afterEach(() => {
  vi.useRealTimers();
});
const wait = (milliseconds: number) => vi.setSystemTime(Date.now() + milliseconds);

describe("signing keys", () => {
  test("first calls at the same time ask once, later calls not at all", async () => {
    const { verify, requests } = verifierOf(() => keySet(key));
    await Promise.all([verify(good), verify(good), verify(good)]);
    await verify(good);
    expect(requests).toHaveLength(1);
  });

  test("an unknown key id asks anew, but not again and again", async () => {
    const { verify, requests } = verifierOf(() => keySet(key));
    await verify(good);
    for (let attempt = 0; attempt < 5; attempt++) {
      await expect(verify(await sign(next, appClaims()))).rejects.toMatchObject({ code: "TOKEN_INVALID" });
    }
    expect(requests).toHaveLength(1);
    wait(30_001);
    for (let attempt = 0; attempt < 5; attempt++) {
      await expect(verify(await sign(next, appClaims()))).rejects.toMatchObject({ code: "TOKEN_INVALID" });
    }
    expect(requests).toHaveLength(2);
  });

  test("a token of no issuer of ours asks for nothing", async () => {
    const { verify, requests } = verifierOf(() => keySet(key));
    const token = await sign(key, appClaims({ iss: "https://evil.example.org/" }));
    await expect(verify(token)).rejects.toMatchObject({ code: "TOKEN_INVALID" });
    expect(requests).toEqual([]);
  });

  test("a new key is found after the cool-down, the old one is dropped with it", async () => {
    let published = [key];
    const { verify } = verifierOf(() => keySet(...published));
    await verify(good);
    published = [next];
    wait(30_001);
    expect(await verify(await sign(next, appClaims()))).toMatchObject({ kind: "app" });
    await expect(verify(good)).rejects.toMatchObject({ code: "TOKEN_INVALID" });
  });

  test("keys are asked for anew after a day, so that a withdrawn one ends", async () => {
    let published = [key];
    const { verify, requests } = verifierOf(() => keySet(...published));
    await verify(good);
    published = [next];
    wait(24 * 3_600_000 - 1000);
    await verify(good);
    expect(requests).toHaveLength(1);
    wait(1001);
    await expect(verify(good)).rejects.toMatchObject({ code: "TOKEN_INVALID" });
    expect(requests).toHaveLength(2);
  });

  test.each<[string, () => Response | Promise<Response>]>([
    ["nobody answers", () => Promise.reject(new TypeError("fetch failed"))],
    ["a redirect, which is refused", () => Promise.reject(new TypeError("unexpected redirect"))],
    ["it takes too long", () => Promise.reject(new DOMException("late", "TimeoutError"))],
    ["Entra fails", () => new Response("no", { status: 503 })],
    ["Entra has no such tenant", () => Response.json({ error: "invalid_tenant" }, { status: 400 })],
    ["the answer is no JSON", () => new Response("<html>")],
    ["the answer is no key set", () => Response.json({ keys: "none" })],
  ])("%s: UPSTREAM_TIMEOUT, not the caller's fault, and the next call tries again", async (_what, failing) => {
    let isDown = true;
    const { verify } = verifierOf(() => (isDown ? failing() : keySet(key)));
    await expect(verify(good)).rejects.toMatchObject({ code: "UPSTREAM_TIMEOUT", retryable: true });
    isDown = false;
    expect(await verify(good)).toMatchObject({ kind: "app" });
  });

  test("keys that are known serve while Entra is down", async () => {
    let isDown = false;
    const { verify } = verifierOf(() => (isDown ? new Response("no", { status: 503 }) : keySet(key)));
    await verify(good);
    isDown = true;
    wait(3_600_000);
    expect(await verify(good)).toMatchObject({ kind: "app" });
  });
});

describe("whom a published key signs for", () => {
  const v2 = (tenant: string) => `https://login.microsoftonline.com/${tenant}/v2.0`;
  const v1 = (tenant: string) => `https://sts.windows.net/${tenant}/`;
  const verdict = async (claims: typeof appClaims, issuer: unknown) => {
    const { verify } = verifierOf(() => keySet(issuer === undefined ? key : keyFor(key, issuer)));
    return verify(await sign(key, claims())).then(
      () => "taken",
      (error: unknown) => error,
    );
  };
  const refused = { code: "TOKEN_INVALID" };

  test.each<[unknown, boolean, boolean]>([
    [undefined, true, true],
    [v2(TENANT), true, true],
    [v2("{tenantid}"), true, true],
    [v1(TENANT), false, true],
    [v1("{tenantid}"), false, true],
    [v2(OTHER_TENANT), false, false],
    [v1(OTHER_TENANT), false, false],
    [v2("{TenantId}"), false, false],
    [`${v2(TENANT)}/`, false, false],
    ["https://evil.example.org/", false, false],
    ["", false, false],
    [null, false, false],
    [[v2(TENANT)], false, false],
  ])("%j: a v2 token is taken: %s, a v1 token: %s", async (issuer, isV2Taken, isV1Taken) => {
    const [asV2, asV1] = [await verdict(appClaims, issuer), await verdict(v1Claims, issuer)];
    expect(asV2).toEqual(isV2Taken ? "taken" : expect.objectContaining(refused));
    expect(asV1).toEqual(isV1Taken ? "taken" : expect.objectContaining(refused));
  });

  test("a v1 issuer with a key that v2 alone publishes is refused, and the other way round", async () => {
    const isV2 = (url: string) => url.endsWith(`/${TENANT}/discovery/v2.0/keys`);
    const { verify, requests } = verifierOf((url) => keySet(isV2(url) ? keyFor(next, v2(TENANT)) : key));
    await verify(await sign(key, v1Claims()));
    await verify(await sign(next, appClaims()));
    await expect(verify(await sign(next, v1Claims()))).rejects.toMatchObject(refused);
    await expect(verify(good)).rejects.toMatchObject(refused);
    expect(new Set(requests.map(({ url }) => url))).toEqual(
      new Set(["keys", "v2.0/keys"].map((path) => `https://login.microsoftonline.com/${TENANT}/discovery/${path}`)),
    );
  });

  test("a key of somebody else beside the tenant's own changes nothing for that", async () => {
    const { verify } = verifierOf(() => keySet(keyFor(next, v2(OTHER_TENANT)), keyFor(key, v2(TENANT))));
    expect(await verify(good)).toMatchObject({ kind: "app" });
    await expect(verify(await sign(next, appClaims()))).rejects.toMatchObject(refused);
  });
});
