/** Bundles the app into one minified ESM file, dist/main.mjs. Run by `npm run build`, and before start, demo and tests. */
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** A bundle over this fails the build: it is read and compiled at every cold start. */
const MAX_BUNDLE_BYTES = 2_200_000;
const ROOT = fileURLToPath(new URL("..", import.meta.url));

/**
 * Writes dist/main.mjs and returns its size in bytes.
 * SDKs that are imported with `import()` stay unevaluated inside the file until they are used.
 * @throws Error when the bundle is larger than its limit
 */
export async function buildBundle(): Promise<number> {
  const result = await build({
    absWorkingDir: ROOT,
    entryPoints: ["functions/main.ts"],
    outfile: "dist/main.mjs",
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
  const bytes = result.metafile.outputs["dist/main.mjs"]?.bytes ?? Number.POSITIVE_INFINITY;
  if (bytes > MAX_BUNDLE_BYTES) throw new Error(`dist/main.mjs has ${bytes} bytes; the limit is ${MAX_BUNDLE_BYTES}.`);
  return bytes;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const bytes = await buildBundle();
  console.log(`dist/main.mjs  ${(bytes / 1024).toFixed(0)} KiB (limit ${(MAX_BUNDLE_BYTES / 1024).toFixed(0)} KiB)`);
}
