/** Memory of this process along a benchmark. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Milliseconds between two samples of the live heap: collecting garbage takes time itself. */
const SAMPLE_MS = 1_000;

setFlagsFromString("--expose-gc");
const collectGarbage: unknown = runInNewContext("gc");

/** The most that was alive at any sample, arrays of bytes too, after garbage was collected, and the most that was resident. */
export function watchMemory() {
  let [heap, rss] = [0, 0];
  const sample = () => {
    if (typeof collectGarbage === "function") collectGarbage();
    const usage = process.memoryUsage();
    heap = Math.max(heap, usage.heapUsed + usage.arrayBuffers);
    rss = Math.max(rss, usage.rss);
  };
  sample();
  const timer = setInterval(sample, SAMPLE_MS);
  return {
    /** What was alive at the first sample. */
    first: heap,
    /** Looks now: while no timer gets its turn, nothing else does. */
    sample,
    end() {
      sample();
      clearInterval(timer);
      return { heap, rss };
    },
  };
}
