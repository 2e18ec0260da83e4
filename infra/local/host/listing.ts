/** The list of functions that the host prints when it is up, as `func start` prints it. Called by main.ts. */
import type { FunctionIndex } from "./function-index.ts";

/** Lines for people; ends with a line end. */
export function describeFunctions(host: FunctionIndex & { url: string; keysFile: string }): string {
  const lines = host.functions.map((hosted) =>
    hosted.kind === "http"
      ? `    ${hosted.name}: [${hosted.methods.join(",")}] ${host.url}/${hosted.route.text}${
          hosted.authLevel === "anonymous" ? "" : ` (key: ${hosted.authLevel})`
        }`
      : `    ${hosted.name}: timerTrigger ${hosted.schedule.expression}`,
  );
  const problems = host.problems.map(({ name, problem }) => `    ${name}: NOT HOSTED: ${problem}`);
  const none = '    NONE: the app registered no function. Is it built, and does "main" of package.json match?';
  const all = lines.length === 0 ? [none, ...problems] : [...lines, ...problems];
  return ["", "Functions:", "", ...all, "", `Keys: ${host.keysFile}`, ""].join("\n");
}
