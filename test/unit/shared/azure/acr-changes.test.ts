/** Deletes and locks of a registry's content: what is done, tried again, put off, and never sent. */
import { describe, expect, test, vi } from "vitest";
import { CHANGE_TRY_MS, TooLateError } from "../../../../shared/purge/may-still-send.ts";
import { type AcrAnswer, all, fakeAcr, HOST, type NoAnswer, refusal } from "../../../support/fakes-acr.ts";

const signal = new AbortController().signal;
const DIGEST = `sha256:${"a".repeat(64)}`;
const ACCEPTED: AcrAnswer = { status: 202 };
const answering = (...answers: readonly (AcrAnswer | NoAnswer)[]) =>
  fakeAcr((_, index) => answers[Math.min(index, answers.length - 1)] ?? ACCEPTED);
const refused = { code: "UPSTREAM_REFUSED" };

describe("a delete", () => {
  test.each([200, 202])("that is answered with %d is done", async (status) => {
    const { content, requests } = answering({ status });
    expect(await content.deleteManifest("team/app", DIGEST, signal)).toBe(true);
    expect(await content.deleteTag("team/app", "v1.0_x", signal)).toBe(true);
    expect(requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
      `DELETE https://${HOST}/v2/team%2Fapp/manifests/${DIGEST}`,
      `DELETE https://${HOST}/acr/v1/team%2Fapp/_tags/v1.0_x`,
    ]);
  });

  test("of what is not there is false", async () => {
    for (const code of ["MANIFEST_UNKNOWN", "NAME_UNKNOWN", "TAG_UNKNOWN"]) {
      expect(await answering(refusal(404, code)).content.deleteManifest("app", DIGEST, signal)).toBe(false);
      expect(await answering(refusal(404, code)).content.deleteTag("app", "a", signal)).toBe(false);
    }
  });

  test.each([
    ["a lost reply", "lost"],
    ["a 500", refusal(500, "UNKNOWN")],
    ["a page of a gateway", { status: 502, body: "<html></html>", headers: { "content-type": "text/html" } }],
  ] as const)("that finds nothing after %s was ours", async (_what, first) => {
    const { content, requests } = answering(first, refusal(404, "MANIFEST_UNKNOWN"));
    expect(await content.deleteManifest("app", DIGEST, signal)).toBe(true);
    expect(requests).toHaveLength(2);
  });

  test("that finds nothing after it was only put off was not ours", async () => {
    const { content } = answering(refusal(429, "TOOMANYREQUESTS"), refusal(404, "MANIFEST_UNKNOWN"));
    expect(await content.deleteManifest("app", DIGEST, signal)).toBe(false);
  });

  test("is not believed to have found nothing by a stranger", async () => {
    const stranger = { status: 404, body: "<html></html>", headers: { "content-type": "text/html" } };
    await expect(answering(stranger).content.deleteTag("app", "a", signal)).rejects.toMatchObject({
      ...refused,
      failure: { status: 502 },
    });
  });

  test.each([
    [403, "DENIED"],
    [405, "REGISTRY_DISALLOWED_OPERATION"],
    [409, "CONFLICT"],
    [400, "NAME_INVALID"],
  ])("that is refused with %d is not tried again, and says so", async (status, code) => {
    const { content, requests } = answering(refusal(status, code));
    await expect(content.deleteManifest("app", DIGEST, signal)).rejects.toMatchObject({
      ...refused,
      failure: { status, code },
    });
    expect(requests).toHaveLength(1);
  });

  test.each([408, 500, 502, 503, 504])("that fails with %d is tried four times, and no more", async (status) => {
    const { content, requests, waits } = answering(refusal(status, "UNAVAILABLE"));
    await expect(content.deleteManifest("app", DIGEST, signal)).rejects.toMatchObject({ failure: { status } });
    expect(requests).toHaveLength(4);
    expect(waits).toEqual([500, 1_000, 2_000]);
  });

  test.each([
    [{ "retry-after": "7" }, 7_000],
    [{ "retry-after": "120" }, 60_000],
    [{ "retry-after": "Sat, 21 Nov 2026 10:00:09 GMT" }, 9_000],
    [{ "retry-after": "Sat, 21 Nov 2026 11:00:05 GMT", date: "Sat, 21 Nov 2026 11:00:00 GMT" }, 5_000],
    [{ "retry-after": "Fri, 20 Nov 2026 10:00:00 GMT" }, 1_000],
    [{ "retry-after": "soon" }, 1_000],
    [{ "retry-after": "0" }, 1_000],
    [{ "retry-after": "-5" }, 1_000],
    [{}, 1_000],
  ])("that is put off with %j waits as long, once for each answer", async (headers, ms) => {
    const { content, requests, waits } = answering(refusal(429, "TOOMANYREQUESTS", headers), ACCEPTED);
    expect(await content.deleteManifest("app", DIGEST, signal)).toBe(true);
    expect(requests).toHaveLength(2);
    expect(waits[0]).toBe(ms);
  });

  test("that is put off by something in between waits too", async () => {
    const html = { status: 429, body: "<html></html>", headers: { "content-type": "text/html", "retry-after": "3" } };
    const { content, waits } = answering(html, { status: 429 }, ACCEPTED);
    expect(await content.deleteManifest("app", DIGEST, signal)).toBe(true);
    expect(waits).toEqual([3_000, 2_000]);
  });

  test("is given up after 5 s without an answer, and tried again: it may have arrived", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const { content, requests } = answering("hanging", refusal(404, "MANIFEST_UNKNOWN"));
      const deleting = content.deleteManifest("app", DIGEST, signal);
      while (requests.length === 0) await new Promise<void>((resolve) => void setImmediate(resolve));
      await vi.advanceTimersByTimeAsync(CHANGE_TRY_MS - 1);
      expect(requests).toHaveLength(1);
      await vi.advanceTimersByTimeAsync(1);
      expect(await deleting).toBe(true);
      expect(requests).toHaveLength(2);
    } finally {
      vi.useRealTimers();
    }
  });

  test("that may be sent no more when its turn comes is not sent, whatever put it off", async () => {
    for (const first of [refusal(429, "TOOMANYREQUESTS", { "retry-after": "40" }), refusal(503, "UNAVAILABLE")]) {
      let isInTime = true;
      const { content, requests } = fakeAcr(() => {
        isInTime = false;
        return first;
      });
      await expect(content.deleteManifest("app", DIGEST, signal, () => isInTime)).rejects.toThrow(TooLateError);
      expect(requests).toHaveLength(1);
    }
  });

  test("that may be sent no more when its token has come is not sent, nor is a lock", async () => {
    let isInTime = true;
    const { content, requests, scopes } = fakeAcr(() => ACCEPTED, {
      grant: (scope) => {
        isInTime = false;
        return all(scope);
      },
    });
    const asked = [
      () => content.deleteManifest("a", DIGEST, signal, () => isInTime),
      () => content.deleteTag("b", "v1", signal, () => isInTime),
      () => content.setManifestLock("c", DIGEST, false, signal, () => isInTime),
      () => content.setTagLock("d", "v1", true, signal, () => isInTime),
    ];
    for (const ask of asked) {
      isInTime = true;
      await expect(ask()).rejects.toThrow(TooLateError);
    }
    expect([requests.length, scopes.length]).toEqual([0, 4]);
  });

  test("ends at once with the signal, while the registry hangs", async () => {
    const ending = new AbortController();
    const { content } = answering("hanging");
    const deleting = content.deleteManifest("app", DIGEST, ending.signal);
    setTimeout(() => ending.abort(new Error("slice is over")), 20);
    await expect(deleting).rejects.toThrow("slice is over");
  });

  test.each([...["latest", "", "..", `${DIGEST}/..`, `sha256:${"A".repeat(64)}`]])(
    "of the digest %j is not sent",
    async (digest) => {
      const { content, calls } = answering(ACCEPTED);
      await expect(content.deleteManifest("app", digest, signal)).rejects.toThrow();
      await expect(content.setManifestLock("app", digest, true, signal)).rejects.toThrow();
      expect(calls).toEqual([]);
    },
  );

  test.each(["", "..", "a/b", "..%2fb", "a?b", "a#b", "x".repeat(129)])("of the tag %j is not sent", async (tag) => {
    const { content, calls } = answering(ACCEPTED);
    await expect(content.deleteTag("app", tag, signal)).rejects.toThrow();
    await expect(content.setTagLock("app", tag, true, signal)).rejects.toThrow();
    expect(calls).toEqual([]);
  });
});

describe("a lock that is taken off", () => {
  const MANIFEST = `/acr/v1/team%2Fapp/_manifests/${DIGEST}`;
  const open = '{"deleteEnabled":true,"writeEnabled":true}';
  const sent = ({ requests }: ReturnType<typeof fakeAcr>) =>
    requests.map(({ method, url, body }) => [method, new URL(url).pathname, body]);

  test.each([
    { deleteEnabled: false, writeEnabled: true },
    { deleteEnabled: true, writeEnabled: false },
    { deleteEnabled: false, writeEnabled: false },
  ])("is set again as it was: %j", async (flags) => {
    let attributes: object = flags;
    const acr = fakeAcr(() => ({ status: 200, body: { manifest: { changeableAttributes: attributes } } }));
    await acr.content.setManifestLock("team/app", DIGEST, false, signal);
    attributes = { deleteEnabled: true, writeEnabled: true };
    await acr.content.setManifestLock("team/app", DIGEST, false, signal);
    await acr.content.setManifestLock("team/app", DIGEST, true, signal);
    expect(sent(acr)).toEqual([
      ["GET", MANIFEST, undefined],
      ["PATCH", MANIFEST, open],
      ["GET", MANIFEST, undefined],
      ["PATCH", MANIFEST, open],
      ["PATCH", MANIFEST, JSON.stringify(flags)],
    ]);
  });

  test.each([{}, { tag: {} }, { tag: { changeableAttributes: { deleteEnabled: "no" } } }])(
    "of which %j is told is set again whole",
    async (body) => {
      const acr = answering({ status: 200, body });
      await acr.content.setTagLock("app", "a", false, signal);
      await acr.content.setTagLock("app", "a", true, signal);
      expect(sent(acr).at(-1)).toEqual([
        "PATCH",
        "/acr/v1/app/_tags/a",
        '{"deleteEnabled":false,"writeEnabled":false}',
      ]);
    },
  );
});

test("a lock is set by what it forbids", async () => {
  const { content, requests } = answering({ status: 200, body: { changeableAttributes: {} } });
  await content.setTagLock("team/app", "a", true, signal);
  expect(requests.map(({ method, url, body }) => [method, new URL(url).pathname, body])).toEqual([
    ["PATCH", "/acr/v1/team%2Fapp/_tags/a", '{"deleteEnabled":false,"writeEnabled":false}'],
  ]);
  await expect(
    answering(refusal(404, "TAG_UNKNOWN")).content.setTagLock("app", "a", true, signal),
  ).rejects.toMatchObject({
    failure: { status: 404 },
  });
});
