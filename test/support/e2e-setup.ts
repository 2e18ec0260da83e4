/** Global setup of the project `e2e`: builds the bundle once and offers the systems that most files share. */
import type { TestProject } from "vitest/node";
import { buildBundle } from "../../scripts/build.ts";
import { serveSharedSystems } from "./shared-systems.ts";

/** Called by Vitest; what it returns is called at the end. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  await buildBundle();
  const { url, stop } = await serveSharedSystems();
  project.provide("sharedSystems", url);
  return stop;
}
