/** Part (a) of bench:purge: requests and time of images that all go, at 50 ms a call. Used by purge.ts. */
import { availableParallelism, loadavg } from "node:os";
import Table from "cli-table3";
import { measureSystem } from "./purge-http.ts";
import { measureSteps, type Outcome, type Scenario, sumOf } from "./purge-scenario.ts";
import { type Target, tellTime } from "./purge-target.ts";

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
  const whole = await measureSystem({ ...SCENARIO, repositories: 1, isCompared: false });

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
      `the product's steps, lists and tokens too, ${(alone.whole / (alone.bare ?? 1)).toFixed(2)} times as long.`,
  );
  const load = loadavg()[0] ?? 0;
  console.log(`Times were measured at a load of ${load.toFixed(1)} on ${availableParallelism()} processors.`);
  const purges = { "steps alone": alone, "40 repositories": spread, "over HTTP": whole };
  for (const [name, outcome] of Object.entries(purges)) {
    const isAll = outcome.state === "done" && outcome.deleted === IMAGES;
    const share = sumOf(outcome.requests) / PEER.requests;
    target(`${name}: all images gone`, isAll, `${outcome.state}, ${outcome.deleted}`);
    target(
      `${name}: at most ${MAX_SHARE} of the peer's ${PEER.requests} requests`,
      share <= MAX_SHARE,
      share.toFixed(2),
    );
    tellTime(`${name}: part of the peer's ${PEER.seconds} s`, outcome.whole / PEER.seconds, MAX_SHARE);
  }
}
