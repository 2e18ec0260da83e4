/** Mirrors infra/local/azure/registry/registry-limits.ts. */
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  categoryOf,
  createRequestLimits,
  limitsSchema,
} from "../../../../../infra/local/azure/registry/registry-limits.ts";

const START = Date.parse("2026-11-22T00:00:20Z");
const HOST = "a.azurecr.io";

/** Limits on a clock of their own. `take` tells whether a request was let through, or what it was told. */
function limited(given: unknown, retryAfter: "dynamic" | "none" | "nextMinute" = "dynamic") {
  let time = START;
  const settings = { limits: limitsSchema.parse(given), retryAfter };
  const limits = createRequestLimits({ now: () => new Date(time), settings: () => settings });
  return {
    wait: (ms: number) => {
      time += ms;
    },
    take(identity: string | undefined = "me", host = HOST): true | number | undefined {
      try {
        limits.take(host, "delete", identity);
        return true;
      } catch (error) {
        expect(error).toMatchObject({ status: 429, code: "TOOMANYREQUESTS" });
        return Reflect.get(Object(error), "retryAfter");
      }
    },
  };
}

test.each([
  ["GET", "/v2/a/b/manifests/c", "read"],
  ["HEAD", "/v2/a/b/blobs/c", "read"],
  ["GET", "/v2/a/referrers/manifests/c", "read"],
  ["GET", "/acr/v1/a/_tags", "read"],
  ["PUT", "/v2/a/manifests/c", "write"],
  ["PATCH", "/acr/v1/a", "write"],
  ["POST", "/v2/a/blobs/uploads/", "write"],
  ["DELETE", "/v2/a/manifests/c", "delete"],
  ["DELETE", "/acr/v1/a/_tags/b", "delete"],
  ["GET", "/v2/a/b/referrers/sha256:0", "listReferrers"],
  ["POST", "/oauth2/token", "oauth"],
  ["GET", "/oauth2/token", "oauth"],
])("%s %s is %s", (method, path, category) => {
  expect(categoryOf(method, path)).toBe(category);
});

test("a bucket is full at first, and fills again at its rate, up to its capacity", () => {
  const { take, wait } = limited({ identity: { delete: { capacity: 2, perMinute: 60 } } });
  expect([take(), take(), take()]).toEqual([true, true, 1]);
  wait(999);
  expect(take()).toBe(1);
  wait(1);
  expect([take(), take()]).toEqual([true, 1]);
  wait(60_000);
  expect([take(), take(), take()]).toEqual([true, true, 1]);
});

test("identities and registries have buckets each; the registry's is shared", () => {
  const { take } = limited({
    identity: { delete: { capacity: 1, perMinute: 1 } },
    registry: { delete: { capacity: 2, perMinute: 2 } },
  });
  expect([take("me"), take("me"), take("you"), take("them")]).toEqual([true, 60, true, 30]);
  expect(take("me", "b.azurecr.io")).toBe(true);
});

test("nothing, or the next full minute", () => {
  const none = limited({ identity: { delete: { capacity: 1, perMinute: 1 } } }, "none");
  expect([none.take(), none.take()]).toEqual([true, undefined]);
  const minute = limited({ identity: { delete: { capacity: 1, perMinute: 1 } } }, "nextMinute");
  expect([minute.take(), minute.take()]).toEqual([true, 40]);
});

test("without limits everything goes; a tier has those of the service", () => {
  const free = limited(null);
  expect(Array.from({ length: 5_000 }, () => free.take()).every((taken) => taken === true)).toBe(true);
  const basic = limited("Basic");
  expect(Array.from({ length: 501 }, () => basic.take()).filter((taken) => taken === true)).toHaveLength(500);
});

test("who waits as told is let through, and never more than capacity and rate allow", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 6_000 }),
      fc.array(fc.integer({ min: 0, max: 2_000 }), { maxLength: 200 }),
      (capacity, perMinute, pauses) => {
        const { take, wait } = limited({ identity: { delete: { capacity, perMinute } } });
        let [passed, waited] = [0, 0];
        for (const pause of pauses) {
          wait(pause);
          waited += pause;
          const answer = take();
          if (typeof answer !== "number") {
            passed += 1;
            continue;
          }
          wait(answer * 1000);
          waited += answer * 1000;
          expect(take()).toBe(true);
          passed += 1;
        }
        expect(passed).toBeLessThanOrEqual(capacity + (waited * perMinute) / 60_000 + 1e-6);
      },
    ),
  );
});
