import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { NOW } from "../../../support/fakes.ts";
import { appClaims, keySet, sign, signingKey, verifierOf } from "../../../support/fakes-tokens.ts";

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
