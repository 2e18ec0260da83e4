/** `npm run bench:purge`: what a purge costs: (a) requests and time, (b) under a bucket of deletes, (c) memory and speed of plans, (d) patterns. Exits non-zero when a target is missed. */
import { parseArgs } from "node:util";
import { z } from "zod";
import { benchBucket } from "./purge-bucket.ts";
import { benchPatterns } from "./purge-patterns.ts";
import { benchRequests } from "./purge-requests.ts";
import { benchSizes } from "./purge-size.ts";
import { openTargets } from "./purge-target.ts";

const PARTS = { a: benchRequests, b: benchBucket, c: benchSizes, d: benchPatterns };

const { values } = parseArgs({ options: { part: { type: "string" } } });
const part = z.enum(["a", "b", "c", "d"]).optional().parse(values.part);
const target = openTargets();
for (const [name, bench] of Object.entries(PARTS)) if (part === undefined || part === name) await bench(target);
