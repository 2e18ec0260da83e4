/** What the demo prints: numbered steps with their time, facts under each, and a stop at the first surprise. */
import { isDeepStrictEqual } from "node:util";
import Table from "cli-table3";
import pc from "picocolors";

/** Thrown when something is not as it should be; ends the demo with a non-zero exit. */
export class Surprise extends Error {}

/** Runs and prints steps, one after another. */
export type Stage = {
  /** A heading over the steps that follow. */
  chapter(title: string): void;
  /** Runs `work`; prints what it did and how long it took, or what was wrong. */
  step<T>(title: string, work: (show: Show) => Promise<T>): Promise<T>;
  /** Steps done so far. */
  readonly steps: number;
};
/** Prints facts under the step that runs. */
export type Show = {
  fact(name: string, value: string): void;
  table(head: readonly string[], rows: readonly (readonly string[])[]): void;
};

/** @param write gets whole lines; @param now for the timings */
export function createStage(write: (line: string) => void, now: () => number): Stage {
  let steps = 0;
  return {
    get steps() {
      return steps;
    },
    chapter: (title) => write(`\n${pc.bold(title)}`),
    async step(title, work) {
      const lines: string[] = [];
      const show: Show = {
        fact: (name, value) => lines.push(`      ${pc.dim(name.padEnd(12))} ${value}`),
        table: (head, rows) => {
          const style = pc.isColorSupported
            ? { head: ["cyan"], border: ["gray"], compact: true }
            : { head: [], border: [], compact: true };
          const table = new Table({ head: [...head], style });
          for (const row of rows) table.push([...row]);
          lines.push(
            ...table
              .toString()
              .split("\n")
              .map((line) => `      ${line}`),
          );
        },
      };
      const startedAt = now();
      try {
        const result = await work(show);
        steps += 1;
        write(`  ${pc.green("✔")} ${title} ${pc.dim(`${Math.round(now() - startedAt)} ms`)}`);
        for (const line of lines) write(line);
        return result;
      } catch (error) {
        write(`  ${pc.red("✘")} ${title}`);
        for (const line of lines) write(line);
        throw error;
      }
    },
  };
}

/** @throws Surprise naming what was expected and what came */
export function expectEqual(what: string, actual: unknown, expected: unknown): void {
  if (isDeepStrictEqual(actual, expected)) return;
  throw new Surprise(`${what}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`);
}
