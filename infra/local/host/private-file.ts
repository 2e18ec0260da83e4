/** Files of the host's state: only the owner may read them, and a crash leaves the old or the new content. Called by keys.ts and timer-monitor.ts. */
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Writes whole and atomically, mode 0600; makes the folder if need be. */
export function writePrivateFile(file: string, content: string): void {
  mkdirSync(dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}.tmp`;
  writeFileSync(temporary, `${content}\n`, { mode: 0o600 });
  renameSync(temporary, file);
}
