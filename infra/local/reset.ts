/** `npm run local:reset`: deletes everything that the local system has kept. */
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { lockStateFolder, StateFolderInUseError } from "./state-lock.ts";

const STATE_DIR = fileURLToPath(new URL("../../.local", import.meta.url));

try {
  // Held while deleting, so that no start gets half a folder.
  await lockStateFolder(STATE_DIR);
  rmSync(STATE_DIR, { recursive: true });
  console.log(`Deleted ${STATE_DIR}.`);
} catch (error) {
  if (!(error instanceof StateFolderInUseError)) throw error;
  console.error(`A local system runs on ${error.folder} (process ${error.pid}). Stop it first.`);
  process.exit(1);
}
