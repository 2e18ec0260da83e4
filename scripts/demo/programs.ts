/** Programs of this machine that the demo uses where they are there: skopeo and kubectl. */
import { execFile } from "node:child_process";

/** How a program ended and what it wrote. */
export type ProgramRun = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** One that takes longer hangs. */
const TIMEOUT_MS = 60_000;

/** Runs a program with these variables and PATH alone, so that no setting of this machine reaches it. Never throws for its exit code. */
export function runProgram(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<ProgramRun> {
  const options = { env: { PATH: process.env.PATH ?? "", ...env }, timeout: TIMEOUT_MS };
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== "number") reject(error);
      else resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
    });
    child.stdin?.end();
  });
}

/** Whether a program is there: `args` make it say its version. */
export async function hasProgram(program: string, args: readonly string[]): Promise<boolean> {
  try {
    return (await runProgram(program, args, {})).code === 0;
  } catch {
    return false;
  }
}
