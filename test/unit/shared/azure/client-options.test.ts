import { TableClient } from "@azure/data-tables";
import type { TokenCredential } from "@azure/identity";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ownOptions, retryAfterSeconds, ThrottledError } from "../../../../shared/azure/client-options.ts";
import { callOwn } from "../../../../shared/azure/upstream.ts";
import { fakeHttp, type HttpAnswer } from "../../../support/fakes-azure-http.ts";

const credential: TokenCredential = {
  getToken: async () => ({ token: "t", expiresOnTimestamp: Date.now() + 3_600_000 }),
};
const STATE = "https://state.table.core.windows.net";
const FOUND: HttpAnswer = { status: 200, body: { PartitionKey: "p", RowKey: "r" } };
const REFUSED = { "odata.error": { code: "ServerBusy", message: { lang: "en-US", value: "x" } } };
const throttled = (status: number, seconds: string): HttpAnswer => ({
  status,
  headers: { "retry-after": seconds },
  body: REFUSED,
});

/** An SDK client with our options whose requests are answered in this order; the last answer is for all that follow. */
function tableOver(...answers: HttpAnswer[]) {
  const { httpClient, requests } = fakeHttp((index) => answers[Math.min(index, answers.length - 1)] ?? FOUND);
  const client = new TableClient(STATE, "t", credential, { ...ownOptions(STATE), httpClient });
  return { requests, read: () => client.getEntity("p", "r") };
}

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] }));
afterEach(() => void vi.useRealTimers());

describe("Retry-After", () => {
  test.each([
    [429, "60", 60],
    [503, "60", 60],
    [429, "4", 4],
  ])("status %d with %s s ends the operation at the first answer, with the number", async (status, header, seconds) => {
    const { read, requests } = tableOver(throttled(status, header), FOUND);
    // No timer is moved on: whatever waited would never end.
    const thrown: unknown = await read().catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(ThrottledError);
    expect(thrown).toMatchObject({ statusCode: status, retryAfterSeconds: seconds });
    expect(requests).toHaveLength(1);
  });

  test("the number reaches our own caller", async () => {
    const { read } = tableOver(throttled(503, "60"));
    await expect(callOwn("STATE_UNAVAILABLE", read)).rejects.toMatchObject({
      code: "STATE_UNAVAILABLE",
      retryAfterSeconds: 60,
      failure: { status: 503 },
    });
  });

  test.each([1, 3])("%d s is waited for, and then asked again", async (seconds) => {
    const { read, requests } = tableOver(throttled(429, String(seconds)), FOUND);
    const reading = read();
    await vi.advanceTimersByTimeAsync(seconds * 1000 - 1);
    expect(requests).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(await reading).toMatchObject({ partitionKey: "p" });
    expect(requests).toHaveLength(2);
  });

  test("a long one after a short one ends the operation too", async () => {
    const { read, requests } = tableOver(throttled(429, "1"), throttled(429, "30"), FOUND);
    const reading = expect(read()).rejects.toMatchObject({ retryAfterSeconds: 30 });
    await vi.advanceTimersByTimeAsync(1000);
    await reading;
    expect(requests).toHaveLength(2);
  });

  test("short ones again and again: three tries, then Azure's own answer", async () => {
    const { read, requests } = tableOver(throttled(429, "1"));
    const reading = expect(read()).rejects.toMatchObject({ name: "RestError", statusCode: 429 });
    await vi.advanceTimersByTimeAsync(10_000);
    await reading;
    expect(requests).toHaveLength(3);
  });

  test("one on another status is none of our business", async () => {
    const { read, requests } = tableOver(throttled(404, "60"));
    await expect(read()).rejects.toMatchObject({ name: "RestError", statusCode: 404 });
    expect(requests).toHaveLength(1);
  });

  test("without one: three tries within few seconds", async () => {
    const { read, requests } = tableOver({ status: 503, body: REFUSED });
    const reading = expect(read()).rejects.toMatchObject({ name: "RestError", statusCode: 503 });
    await vi.advanceTimersByTimeAsync(5_000);
    await reading;
    expect(requests).toHaveLength(3);
  });
});

test.each([
  ["60", 60],
  ["1", 1],
  ["0", null],
  ["-1", null],
  ["1.5", null],
  ["", null],
  ["soon", null],
  ["Wed, 21 Oct 2026 07:28:00 GMT", null],
  [undefined, null],
])("retryAfterSeconds: %j is %s", (header, seconds) => {
  expect(retryAfterSeconds(header)).toBe(seconds);
});
