import { describe, expect, test } from "vitest";
import { createRefreshTokens } from "../../../../shared/azure/registry-refresh-tokens.ts";
import { NOW, signIn } from "../../../support/fakes.ts";
import { registry } from "../../../support/fakes-registry.ts";

const THREE_HOURS = 3 * 3_600;

/** Tokens are counted; each lives as long as is said, in seconds. */
function world(lifeSeconds = THREE_HOURS) {
  let at = NOW.getTime();
  let made = 0;
  let gate = Promise.resolve();
  const tokens = createRefreshTokens(() => new Date(at));
  const make = async () => {
    const token = `token-${++made}`;
    const expiresAt = new Date(at + lifeSeconds * 1000);
    await gate;
    return { token, expiresAt };
  };
  return {
    get: (changes: Parameters<typeof signIn>[0] = {}, loginServer = "one.azurecr.io") =>
      tokens({ signIn: signIn(changes), registry: registry({ loginServer }) }, make),
    getWith: (other: typeof make) => tokens({ signIn: signIn(), registry: registry() }, other),
    pass: (seconds: number) => {
      at += seconds * 1000;
    },
    hold() {
      const held = Promise.withResolvers<void>();
      gate = held.promise;
      return held.resolve;
    },
  };
}

describe("a refresh token", () => {
  test("is kept for a quarter of an hour, for its sign-in and registry alone", async () => {
    const { get, pass } = world();
    expect(await get()).toMatchObject({ token: "token-1", isKept: false });
    expect(await get()).toMatchObject({ token: "token-1", isKept: true });
    expect(await get({ key: "other" })).toMatchObject({ token: "token-2", isKept: false });
    expect(await get({}, "two.azurecr.io")).toMatchObject({ token: "token-3", isKept: false });
    pass(15 * 60 - 1);
    expect((await get()).token).toBe("token-1");
    pass(1);
    expect(await get()).toMatchObject({ token: "token-4", isKept: false });
  });

  test("is not used in the last five minutes of its own life", async () => {
    const { get, pass } = world(600);
    await get();
    pass(299);
    expect((await get()).token).toBe("token-1");
    pass(1);
    expect((await get()).token).toBe("token-2");
  });

  test("of a sign-in without a key is never kept", async () => {
    const { get } = world();
    expect([(await get({ key: null })).token, (await get({ key: null })).token]).toEqual(["token-1", "token-2"]);
  });

  test("is made once for all who ask meanwhile, also when the one before has ended", async () => {
    const { get, hold, pass } = world();
    await get();
    pass(THREE_HOURS);
    const release = hold();
    const asked = [get(), get(), get()];
    await new Promise((done) => setImmediate(done));
    release();
    expect((await Promise.all(asked)).map(({ token }) => token)).toEqual(["token-2", "token-2", "token-2"]);
  });

  test("is forgotten by whoever met its end, and not a newer one by who comes late", async () => {
    const { get } = world();
    const [first, same] = [await get(), await get()];
    first.forget();
    const second = await get();
    same.forget();
    expect([second.token, (await get()).token]).toEqual(["token-2", "token-2"]);
  });

  test("of a clock that went back is not used", async () => {
    const { get, pass } = world();
    await get();
    pass(-1);
    expect((await get()).token).toBe("token-2");
  });

  test("that could not be made is tried again by the next", async () => {
    const { getWith } = world();
    const failing = () => Promise.reject(new Error("no"));
    await expect(getWith(failing)).rejects.toThrow("no");
    expect(await getWith(async () => ({ token: "t", expiresAt: new Date(NOW.getTime() + 1e7) }))).toMatchObject({
      token: "t",
      isKept: false,
    });
  });
});
