/** One local system a state folder. Called by system.ts and reset.ts. */
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";

/** Children of a system that was killed end in 5 s (end-with-parent.ts); twice that on a busy machine. */
const CHILDREN_END_MS = 10_000;
const POLL_MS = 50;

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
 * Takes the folder; a lock whose process is gone (`kill -9`, power loss) is taken over when its children are gone too:
 * they may still be writing what they had in memory.
 * @throws StateFolderInUseError
 */
export async function lockStateFolder(folder: string): Promise<StateLock> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = lockFile(folder);
  for (;;) {
    try {
      writeFileSync(file, entryOf(process.pid), { flag: "wx", mode: 0o600 });
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
    const giveUpAt = performance.now() + CHILDREN_END_MS;
    for (let [child] = childrenIn(folder); child !== undefined; [child] = childrenIn(folder)) {
      if (performance.now() > giveUpAt) throw new StateFolderInUseError(folder, child);
      await sleep(POLL_MS);
    }
    rmSync(file, { force: true });
  }
}

/** Names a child process in the lock that its parent holds: nobody gets the folder before it has ended. */
export function holdStateFolder(folder: string, child: number): void {
  appendFileSync(lockFile(folder), entryOf(child));
}

/** Id of the live process that holds the folder. */
function holderOf(folder: string): number | undefined {
  const [holder = ""] = entriesOf(folder);
  if (Number(holder.split(" ")[0]) === process.pid) return held.has(lockFile(folder)) ? process.pid : undefined;
  return aliveIn(holder);
}

/** Ids of the live children that the holder has named. */
function childrenIn(folder: string): number[] {
  return entriesOf(folder)
    .slice(1)
    .flatMap((entry) => aliveIn(entry) ?? []);
}

function entriesOf(folder: string): string[] {
  try {
    return readFileSync(lockFile(folder), "utf8").trim().split("\n");
  } catch (error) {
    if (isCode(error, "ENOENT")) return [];
    throw error;
  }
}

/** A line of the lock. After a reboot the id may be somebody else's: the start time tells. */
function entryOf(pid: number): string {
  return `${pid} ${startTime(pid)}\n`;
}

function aliveIn(entry: string): number | undefined {
  const [pid = "", started = ""] = entry.split(" ");
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
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // A process that has ended stays in the list until its parent asks how.
    return fields[0] === "Z" ? "ended" : (fields[19] ?? "-");
  } catch {
    return "-";
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
