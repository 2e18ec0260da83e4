/** Part (b) of bench:purge: a registry that lets 500 deletes a minute through, in real time and, for large numbers, in virtual time. Used by purge.ts. */
import Table from "cli-table3";
import { CALLS_PER_MINUTE } from "../../shared/azure/acr-limits.ts";
import { type Attempt, createBudget } from "../../shared/purge/budget/budget.ts";
import { measureSteps, type Scenario, sumOf } from "./purge-scenario.ts";
import type { Target } from "./purge-target.ts";
import { virtualTime } from "./purge-virtual-time.ts";

/** Deletes a minute, and the bucket's size. */
const RATE = 500;
const MAX_RATIO = 1.15;
/** In real time: a minute's work beyond the full bucket. */
const IMAGES = 1_000;
/** In virtual time. */
const LARGE = [1_400, 14_000, 140_000];
/** How long the virtual registry takes for a call. */
const CALL_MS = 50;
const CALLS_AT_ONCE = 32;
const MINUTE_MS = 60_000;
/** Places in the minute at which the virtual runs begin: what the next full minute is depends on it. */
const BEGINNINGS_MS = [0, 15_000, 30_000, 45_000, 59_000];
const RETRY_AFTER = ["dynamic", "nextMinute", "none"] as const;
type RetryAfter = (typeof RETRY_AFTER)[number];

/** Measures all three forms of Retry-After. */
export async function benchBucket(target: Target): Promise<void> {
  const table = new Table({
    head: ["TIME", "IMAGES", "RETRY-AFTER", "DELETED", "FAILED", "429", "s", "FLOOR s", "RATIO"],
    style: { head: [], border: [], compact: true },
  });
  const row = (time: string, images: number, retryAfter: RetryAfter, result: Result) => {
    const { deleted, failed, refused, seconds } = result;
    const ratio = seconds / floorOf(images);
    const counts = [deleted, failed, refused].map(String);
    table.push([
      time,
      String(images),
      retryAfter,
      ...counts,
      ...[seconds, floorOf(images)].map((s) => s.toFixed(1)),
      ratio.toFixed(3),
    ]);
    return { isWhole: deleted === images && failed === 0, ratio };
  };

  // Side by side, each with a registry and a process of its own: all three together take little of the machine.
  const real = await Promise.all(RETRY_AFTER.map((retryAfter) => inRealTime(retryAfter)));
  const rows = RETRY_AFTER.map((retryAfter, nth) => row("real", IMAGES, retryAfter, real[nth] ?? NOTHING));
  for (const images of LARGE) {
    for (const retryAfter of RETRY_AFTER) {
      const runs: Result[] = [];
      for (const beginning of BEGINNINGS_MS) runs.push(await inVirtualTime(images, retryAfter, beginning));
      const worst = runs.reduce((one, other) => (other.seconds > one.seconds ? other : one));
      rows.push(row("virtual, worst of 5", images, retryAfter, worst));
    }
  }
  console.log(`(b) ${RATE} deletes a minute, a bucket of ${RATE}; the floor is that of one delete an image`);
  console.log(table.toString());
  const worst = Math.max(...rows.map(({ ratio }) => ratio));
  target(
    "every image deleted, nothing failed",
    rows.every(({ isWhole }) => isWhole),
    `${rows.length} runs`,
  );
  target(`at most ${MAX_RATIO} times the floor`, worst <= MAX_RATIO, worst.toFixed(3));
}

type Result = { readonly deleted: number; readonly failed: number; readonly refused: number; readonly seconds: number };
const NOTHING: Result = { deleted: 0, failed: 0, refused: 0, seconds: 0 };

/** Seconds that nobody can go below: what the full bucket does not hold comes at its rate. */
function floorOf(images: number): number {
  return Math.max(0, images - RATE) / (RATE / 60);
}

async function inRealTime(retryAfter: RetryAfter): Promise<Result> {
  const scenario: Scenario = {
    images: IMAGES,
    repositories: 1,
    latencyMs: 0,
    deletesAMinute: RATE,
    retryAfter,
    isCompared: false,
  };
  const { deleted, failed, requests, apply } = await measureSteps(scenario);
  return { deleted, failed, refused: sumOf(requests.filter(({ status }) => status === 429)), seconds: apply };
}

/** The budget alone, over a bucket as the registry has it. @param beginning milliseconds of the minute */
async function inVirtualTime(images: number, retryAfter: RetryAfter, beginning: number): Promise<Result> {
  const time = virtualTime();
  const { signal } = new AbortController();
  const budget = createBudget({ ...time, random: () => 0.5, perMinute: CALLS_PER_MINUTE.Standard });
  let [tokens, at, refused, deleted, failed] = [RATE, 0, 0, 0, 0];
  const attempt = async (): Promise<Attempt<null>> => {
    await time.wait(CALL_MS / 2);
    const now = time.clock();
    tokens = Math.min(RATE, tokens + ((now - at) * RATE) / MINUTE_MS);
    at = now;
    const isTaken = tokens >= 1;
    if (isTaken) tokens -= 1;
    else refused += 1;
    const tokenMs = ((1 - tokens) * MINUTE_MS) / RATE;
    const minuteMs = MINUTE_MS - ((beginning + now) % MINUTE_MS);
    await time.wait(CALL_MS / 2);
    if (isTaken) return { kind: "done", value: null };
    const seconds = Math.max(1, Math.ceil((retryAfter === "nextMinute" ? minuteMs : tokenMs) / 1000));
    return { kind: "throttled", waitMs: retryAfter === "none" ? null : seconds * 1000 };
  };
  let left = images;
  const worker = async () => {
    while (left-- > 0) {
      await budget("delete", signal, attempt).then(
        () => deleted++,
        () => failed++,
      );
    }
  };
  await time.run(Promise.all(Array.from({ length: CALLS_AT_ONCE }, worker)));
  return { deleted, failed, refused, seconds: time.clock() / 1000 };
}
