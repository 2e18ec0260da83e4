/** Says of a benchmark's targets whether they are met. Used by the parts of bench:purge. */

/** @param value what was measured */
export type Target = (text: string, isMet: boolean, value: string) => void;

/** Prints how a time stands to a target. A machine that others use as well makes it no reason to fail. */
export function tellTime(text: string, share: number, most: number): void {
  console.log(
    `Time: ${text}: ${share.toFixed(2)}, target ${most}: ${share <= most ? "met" : "MISSED on this machine"}`,
  );
}

/** Prints each; one that is missed makes the process end with 1. */
export function openTargets(): Target {
  return (text, isMet, value) => {
    console.log(`Target: ${text}: ${isMet ? "met" : "MISSED"} (${value})`);
    if (!isMet) process.exitCode = 1;
  };
}
