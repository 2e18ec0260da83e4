/** Loads one form of the app as the Functions worker does, and prints how long the import took. Child of start.ts. */
import { performance } from "node:perf_hooks";
import { pathToFileURL } from "node:url";
import { createCoreModule, installCoreModule } from "../../infra/local/host/core-module.ts";

const [file = ""] = process.argv.slice(2);
installCoreModule(createCoreModule({ log: () => undefined, version: "bench" }).api);

const startedAt = performance.now();
await import(pathToFileURL(file).href);
console.log(JSON.stringify({ milliseconds: performance.now() - startedAt, rssBytes: process.memoryUsage.rss() }));
