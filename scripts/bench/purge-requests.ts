/** Part (a) of bench:purge: requests and time of images that all go, at 50 ms a call. Used by purge.ts. */
import { performance } from "node:perf_hooks";
import Table from "cli-table3";
import { measureSystem } from "./purge-http.ts";
import { measureSteps, type Outcome, type Scenario, sumOf } from "./purge-scenario.ts";
import type { Target } from "./purge-target.ts";

/** What the strongest other tool takes for the same, measured with 32 at once: two requests and the test for a subject each. */
const PEER = { requests: 6_043, seconds: 15 };
const MAX_SHARE = 0.5;
const IMAGES = 2_000;
const SCENARIO: Scenario = {
  images: IMAGES,
  repositories: 1,
  latencyMs: 50,
  deletesAMinute: null,
  retryAfter: "dynamic",
  isCompared: true,
};
/** Calls of the product at once. */
const WORKERS = 32;

/** Purges by the steps alone, in one repository and in many, and by the whole system over HTTP. */
export async function benchRequests(target: Target): Promise<void> {
  const alone = await measureSteps(SCENARIO);
  const spread = await measureSteps({ ...SCENARIO, repositories: 40, isCompared: false });
  const begunAt = performance.now();
  const whole = await measureSystem({ ...SCENARIO, repositories: 1, isCompared: false });
  const wholeSeconds = (performance.now() - begunAt) / 1000;

  const table = new Table({
    head: ["PURGE", "STATE", "DELETED", "REQUESTS", "AN IMAGE", "OAUTH", "s", "APPLY s", "x FLOOR", "CPU s"],
    style: { head: [], border: [], compact: true },
  });
  const floor = (IMAGES / WORKERS) * (SCENARIO.latencyMs / 1000);
  const row = (name: string, { state, deleted, requests, whole: seconds, apply, cpuSeconds }: Outcome) =>
    table.push([
      name,
      state,
      ...[deleted, sumOf(requests), (sumOf(requests) / IMAGES).toFixed(2)].map(String),
      String(sumOf(requests.filter(({ category }) => category === "oauth"))),
      seconds.toFixed(1),
      apply.toFixed(1),
      (apply / floor).toFixed(1),
      cpuSeconds?.toFixed(1) ?? "",
    ]);
  row("steps alone, 1 repository", alone);
  row("steps alone, 40 repositories", spread);
  row("whole system over HTTP", whole);
  console.log(`(a) ${IMAGES} tagged OCI images that all go, ${SCENARIO.latencyMs} ms a call, ${WORKERS} workers`);
  console.log(table.toString());
  console.log(
    `Floor of ${WORKERS} workers: ${floor.toFixed(1)} s. A client that only deletes takes ${(alone.bare ?? 0).toFixed(1)} s here: ` +
      `the product's steps, lists and tokens too, ${(alone.whole / (alone.bare ?? 1)).toFixed(2)} times as long. ` +
      `All of the last line, with start and preview of the local system: ${wholeSeconds.toFixed(0)} s.`,
  );
  const share = (value: number, of: number) => (value / of).toFixed(2);
  for (const [name, outcome] of Object.entries({
    "steps alone": alone,
    "40 repositories": spread,
    "over HTTP": whole,
  })) {
    const isAll = outcome.state === "done" && outcome.deleted === IMAGES;
    const [requests, seconds] = [sumOf(outcome.requests), outcome.whole];
    target(`${name}: all images gone`, isAll, `${outcome.state}, ${outcome.deleted}`);
    target(
      `${name}: at most ${MAX_SHARE} of the peer's ${PEER.requests} requests`,
      requests <= PEER.requests * MAX_SHARE,
      share(requests, PEER.requests),
    );
    target(
      `${name}: at most ${MAX_SHARE} of the peer's ${PEER.seconds} s`,
      seconds <= PEER.seconds * MAX_SHARE,
      share(seconds, PEER.seconds),
    );
  }
}
