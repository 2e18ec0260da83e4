/** The list of functions that the host prints when it is up, as `func start` prints it. Called by main.ts. */
import type { FunctionIndex, HostedFunction } from "./function-index.ts";

function describe(hosted: HostedFunction, url: string): string {
  switch (hosted.kind) {
    case "http": {
      const key = hosted.authLevel === "anonymous" ? "" : ` (key: ${hosted.authLevel})`;
      return `[${hosted.methods.join(",")}] ${url}/${hosted.route.text}${key}`;
    }
    case "timer":
      return `timerTrigger ${hosted.schedule.expression}`;
    case "orchestration":
    case "activity":
      return `${hosted.kind}Trigger`;
  }
}

/** Lines for people; ends with a line end. */
export function describeFunctions(host: FunctionIndex & { url: string; keysFile: string }): string {
  const lines = host.functions.map((hosted) => `    ${hosted.name}: ${describe(hosted, host.url)}`);
  const problems = host.problems.map(({ name, problem }) => `    ${name}: NOT HOSTED: ${problem}`);
  const none = '    NONE: the app registered no function. Is it built, and does "main" of package.json match?';
  const all = lines.length === 0 ? [none, ...problems] : [...lines, ...problems];
  return ["", "Functions:", "", ...all, "", `Keys: ${host.keysFile}`, ""].join("\n");
}
