/** What the contract tests of the Functions host share: temp folders, hosts that end with the test, waiting. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";

/** Polls every 50 ms, for half a minute: long enough for a slow machine, and only a failure waits so long. */
const POLL_MS = 50;
const POLLS = 600;

export const CJS_APP = fileURLToPath(new URL("cjs-app/", import.meta.url));
export const ESM_APP_MAIN = fileURLToPath(new URL("esm-app/main.mjs", import.meta.url));

/** Makes empty folders that are removed after the test file. */
export function temporaryFolders(): () => string {
  const root = mkdtempSync(join(tmpdir(), "host-contract-"));
  let count = 0;
  afterAll(() => rmSync(root, { recursive: true }));
  return () => {
    const path = join(root, String(count++));
    mkdirSync(path);
    return path;
  };
}

/** Keys as the host stored them. */
export const keysOf = (stateDir: string) => JSON.parse(readFileSync(join(stateDir, "keys.json"), "utf8"));

/** JSON lines of a file that may not be there yet. */
export const jsonLines = (file: string): { event?: string; [member: string]: unknown }[] =>
  existsSync(file)
    ? readFileSync(file, "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line))
    : [];

/** Looks until there is something. */
export async function until<T>(what: string, look: () => T | undefined | false): Promise<T> {
  for (let i = 0; i < POLLS; i++) {
    const found = look();
    if (found) return found;
    await wait(POLL_MS);
  }
  throw new Error(`Waited in vain for ${what}`);
}

/** Makes an app of one CommonJS file in `folder`. `app` and a handler `H` are there for `code`. */
export function writeApp(folder: string, code: string, packageJson: Record<string, unknown> = {}): string {
  const library = fileURLToPath(import.meta.resolve("@azure/functions"));
  const before = `const { app } = require(${JSON.stringify(library)}); const H = { handler: () => ({}) };`;
  writeFileSync(join(folder, "package.json"), JSON.stringify({ main: "*.cjs", ...packageJson }));
  writeFileSync(join(folder, "main.cjs"), `${before}\n${code}\n`);
  return folder;
}
