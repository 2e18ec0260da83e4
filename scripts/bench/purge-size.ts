/** Part (c) of bench:purge: memory and speed of the plans of large registries, without a network. Used by purge.ts and its child. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import Table from "cli-table3";
import { z } from "zod";
import type { Target } from "./purge-target.ts";

/** What is planned. */
export const sizeSchema = z.strictObject({
  manifests: z.int(),
  repositories: z.int(),
  /** All of it goes, or what is older than the middle. */
  going: z.enum(["all", "half"]),
  /** Memory is looked at, which takes time. */
  isWatched: z.boolean(),
});
/** See sizeSchema. */
type Size = z.output<typeof sizeSchema>;
const plannedSchema = z.object({
  manifests: z.int(),
  toDelete: z.int(),
  seconds: z.number(),
  slices: z.int(),
  /** Calls of the registry. */
  lists: z.int(),
  bodies: z.int(),
  referrers: z.int(),
  /** Most bytes that were alive at any sample, without those at the beginning; 0 where it was not watched. */
  heap: z.number(),
  /** Most bytes that were resident. */
  rss: z.number(),
});
/** See plannedSchema. */
export type Planned = z.output<typeof plannedSchema>;

/** Stated in list-repository.ts, with the largest repository that is planned at all. Bytes a manifest. */
const MAX_BYTES = 1_024;
/** Bytes that a plan takes whatever it is of: buffers of the lines that are written, a page that is read. */
const FIXED_BYTES = 8 * 1024 * 1024;
/** Many repositories take as much as the largest of them. */
const SIZES = [
  [14_000, 1],
  [70_000, 1],
  [140_000, 1],
  [140_000, 140],
] as const;

/** Plans each size twice: for its time, and for its memory. */
export async function benchSizes(target: Target): Promise<void> {
  const table = new Table({
    head: [
      "MANIFESTS",
      "REPOS",
      "GOING",
      "LISTS",
      "BODIES",
      "REFERRERS",
      "s",
      "IMAGES/s",
      "HEAP MiB",
      "BYTES EACH",
      "RSS MiB",
    ],
    style: { head: [], border: [], compact: true },
  });
  let [worst, isWhole] = [0, true];
  for (const going of ["all", "half"] as const) {
    for (const [manifests, repositories] of SIZES) {
      const size = { manifests, repositories, going };
      const timed = await planned({ ...size, isWatched: false });
      const { heap } = await planned({ ...size, isWatched: true });
      const each = heap / (manifests / repositories);
      // A small repository's own is lost in what any plan takes.
      worst = Math.max(worst, (heap - FIXED_BYTES) / (manifests / repositories));
      isWhole &&= timed.manifests === manifests && timed.toDelete > 0;
      const { toDelete, lists, bodies, referrers, seconds, rss } = timed;
      const counts = [manifests, repositories, toDelete, lists, bodies, referrers].map(String);
      const speed = [seconds.toFixed(1), (manifests / seconds).toFixed(0)];
      table.push([...counts, ...speed, mib(heap), repositories === 1 ? each.toFixed(0) : "", mib(rss)]);
    }
  }
  console.log("(c) Plans at the port, pages of 1,000: bodies of 7 layers, 3 of them an image's own; no latency");
  console.log(table.toString());
  target("every manifest is in the plan", isWhole, `${2 * SIZES.length} plans`);
  target(
    `live heap at most ${MAX_BYTES} bytes a manifest of the largest repository and ${FIXED_BYTES / 2 ** 20} MiB`,
    worst <= MAX_BYTES,
    worst.toFixed(0),
  );
}

/** @throws Error when the child breaks off */
async function planned(size: Size): Promise<Planned> {
  const child = fork(fileURLToPath(new URL("./purge-size-child.ts", import.meta.url)), [JSON.stringify(size)]);
  const ended = once(child, "exit");
  const answer = await Promise.race([once(child, "message").then(([message]) => plannedSchema.parse(message)), ended]);
  await ended;
  if (!("seconds" in answer)) throw new Error("The plan broke off.");
  return answer;
}

function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}
