/** Bundles the app into one minified ESM file, dist/main.mjs. Run by `npm run build`, and before start, demo and tests. */
import { fileURLToPath } from "node:url";
import { build, type Metafile } from "esbuild";

/** A bundle over this fails the build: it is read at every cold start. */
const MAX_BUNDLE_BYTES = 3_700_000;
/** Packages that run when the app is loaded. Every other one waits inside the bundle until its `import()` is reached. */
const LOADED_AT_START: ReadonlySet<string> = new Set([
  "@azure/functions",
  "@azure/functions-extensions-base",
  "cookie",
  "jose",
  "p-map",
  "zod",
]);
const ROOT = fileURLToPath(new URL("..", import.meta.url));
const ENTRY = "functions/main.ts";
const OUTPUT = "dist/main.mjs";

/**
 * Writes dist/main.mjs and returns its size in bytes.
 * @throws Error when the bundle is larger than its limit, or loads a package at start that should wait
 */
export async function buildBundle(): Promise<number> {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: [ENTRY],
    outfile: OUTPUT,
    bundle: true,
    minify: true,
    format: "esm",
    platform: "node",
    target: "node24",
    metafile: true,
    legalComments: "none",
    // The host injects this module; it is in no registry.
    external: ["@azure/functions-core"],
    // CommonJS dependencies call require, which an ES module does not have.
    banner: { js: 'import{createRequire as __cr}from"node:module";const require=__cr(import.meta.url);' },
    logLevel: "warning",
  });
  const bytes = metafile.outputs[OUTPUT]?.bytes ?? Number.POSITIVE_INFINITY;
  if (bytes > MAX_BUNDLE_BYTES) throw new Error(`${OUTPUT} has ${bytes} bytes; the limit is ${MAX_BUNDLE_BYTES}.`);
  const early = packagesLoadedAtStart(metafile).filter((name) => !LOADED_AT_START.has(name));
  if (early.length > 0) throw new Error(`Loaded at every cold start, use import() for them: ${early.join(", ")}`);
  return bytes;
}

/** Packages that are reached from the entry without passing an `import()`. */
export function packagesLoadedAtStart({ inputs }: Pick<Metafile, "inputs">): string[] {
  const files = new Set([ENTRY]);
  for (const file of files) {
    for (const { path, kind } of inputs[file]?.imports ?? []) {
      if (kind !== "dynamic-import" && path in inputs) files.add(path);
    }
  }
  const names = [...files].map((file) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1]);
  return [...new Set(names.filter((name) => name !== undefined))].sort();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const bytes = await buildBundle();
  console.log(`${OUTPUT}  ${(bytes / 1024).toFixed(0)} KiB (limit ${(MAX_BUNDLE_BYTES / 1024).toFixed(0)} KiB)`);
}
