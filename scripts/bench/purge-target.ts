/** Says of a benchmark's targets whether they are met. Used by the parts of bench:purge. */

/** @param value what was measured */
export type Target = (text: string, isMet: boolean, value: string) => void;

/** Prints each; one that is missed makes the process end with 1. */
export function openTargets(): Target {
  return (text, isMet, value) => {
    console.log(`Target: ${text}: ${isMet ? "met" : "MISSED"} (${value})`);
    if (!isMet) process.exitCode = 1;
  };
}
