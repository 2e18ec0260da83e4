/** Loads the app: every file that `main` of its package.json names, then `getCapabilities` and the appStart hooks. Called by main.ts. */
import { existsSync, globSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type CoreModule, hookContext } from "./core-module.ts";
import type { Log } from "./log.ts";

/** The app cannot be hosted; `cause` is what it threw, if it threw. */
export class AppLoadError extends Error {
  override name = "AppLoadError";
}

type PackageJson = { readonly main?: string; readonly type?: string };

function readPackageJson(appRoot: string): PackageJson {
  const file = join(appRoot, "package.json");
  if (!existsSync(file)) return {};
  try {
    return JSON.parse(readFileSync(file, "utf8")) as PackageJson;
  } catch (cause) {
    throw new AppLoadError(`${file}: cannot be read as JSON`, { cause });
  }
}

/** The worker's own rule: the extension decides, then `type` of the app's package.json. */
function isEsModule(file: string, packageJson: PackageJson): boolean {
  if (file.endsWith(".mjs")) return true;
  return !file.endsWith(".cjs") && packageJson.type === "module";
}

/**
 * Registration is a side effect of loading. Zero matches is no error, as on the real host, but said loudly.
 * @throws AppLoadError when a file throws while loading, or the app turns on HTTP streaming
 */
export async function loadApp(deps: { appRoot: string; core: CoreModule; log: Log }): Promise<void> {
  const { appRoot, core, log } = deps;
  const packageJson = readPackageJson(appRoot);
  const pattern = packageJson.main;
  const files = pattern
    ? globSync(pattern, { cwd: appRoot })
        .filter((file) => statSync(join(appRoot, file)).isFile())
        .sort()
    : [];
  if (files.length === 0) {
    const message = pattern
      ? `Found zero files matching "main" of package.json: "${pattern}". Is the app built?`
      : `No "main" in package.json: there is nothing to load.`;
    log({ level: "Error", category: "Host.Startup", message });
  }
  const require = createRequire(join(appRoot, "package.json"));
  for (const file of files) {
    const path = join(appRoot, file);
    try {
      if (isEsModule(file, packageJson)) await import(pathToFileURL(path).href);
      else require(path);
    } catch (cause) {
      throw new AppLoadError(`The app's entry point "${file}" failed to load.`, { cause });
    }
  }
  const capabilities = (await core.programmingModel()?.getCapabilities({})) ?? {};
  if (capabilities.HttpUri) {
    // A caller can then replace the headers that a function sees, and a failing handler hangs: not worth building.
    throw new AppLoadError("app.setup({ enableHttpStream: true }) is not supported by this host.");
  }
  await core.runHooks(
    "appStart",
    hookContext({ hookData: {}, appHookData: core.appHookData, functionAppDirectory: appRoot }, {}),
  );
  core.finishStartup();
}
