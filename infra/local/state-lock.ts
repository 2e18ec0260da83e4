/** One local system a state folder. Called by system.ts and reset.ts. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Thrown when a live process holds the folder. */
export class StateFolderInUseError extends Error {
  readonly folder: string;
  readonly pid: number;
  constructor(folder: string, pid: number) {
    super(`${folder} is in use by the local system of process ${pid}`);
    this.folder = folder;
    this.pid = pid;
  }
}

/** Gives the folder free again. */
export type StateLock = { release(): void };

const held = new Set<string>();

/**
 * Takes the folder; a lock whose process is gone (`kill -9`, power loss) is taken over.
 * @throws StateFolderInUseError
 */
export function lockStateFolder(folder: string): StateLock {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = lockFile(folder);
  const mine = `${process.pid} ${startTime(process.pid)}\n`;
  for (;;) {
    try {
      writeFileSync(file, mine, { flag: "wx", mode: 0o600 });
      held.add(file);
      return {
        release() {
          held.delete(file);
          rmSync(file, { force: true });
        },
      };
    } catch (error) {
      if (!isCode(error, "EEXIST")) throw error;
    }
    const pid = holderOf(folder);
    if (pid !== undefined) throw new StateFolderInUseError(folder, pid);
    rmSync(file, { force: true });
  }
}

/** Id of the live process that holds the folder. */
export function holderOf(folder: string): number | undefined {
  const file = lockFile(folder);
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (isCode(error, "ENOENT")) return undefined;
    throw error;
  }
  const [pid = "", started = ""] = text.trim().split(" ");
  if (pid === String(process.pid)) return held.has(file) ? process.pid : undefined;
  // After a reboot the id may be somebody else's: the start time tells.
  return isAlive(Number(pid)) && startTime(Number(pid)) === started ? Number(pid) : undefined;
}

function lockFile(folder: string): string {
  return join(folder, "lock");
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: alive, and somebody else's.
    return isCode(error, "EPERM");
  }
}

/** Clock ticks from boot to the start of the process (proc(5), field 22 of stat); `-` where there is no /proc. */
function startTime(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // Field 2 is the command in brackets and may hold spaces: count from behind it.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "-";
  } catch {
    return "-";
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
