/** One call of an activity: its trigger value, and how its end is told. Called by dispatcher.ts. */
import type { TypedData } from "../core-types.ts";
import type { ActivityFunction } from "../function-index.ts";
import type { Invoker } from "../invocation.ts";
import { exceptionText, type Log } from "../log.ts";
import { type Completion, EVENT } from "./history.ts";
import { cut, isTooLong, MAX_VALUE_CHARACTERS } from "./value-limit.ts";

/** Settles with the end of the activity; undefined when nobody can run it, and then its instance waits for ever. */
export type RunActivity = (task: {
  readonly name: string;
  readonly instanceId: string;
  readonly taskId: number;
  readonly input: unknown;
}) => Promise<Completion | undefined>;

/** The worker always gets text, which the library reads as JSON where it is; booleans as .NET writes them. */
function activityText(input: unknown): string | undefined {
  if (input === undefined || input === null) return undefined;
  if (typeof input === "boolean") return input ? "True" : "False";
  return typeof input === "string" ? input : JSON.stringify(input);
}

const asData = (value: unknown): TypedData => {
  const text = activityText(value);
  return text === undefined ? {} : { string: text };
};

/** Members of the input overwrite what the trigger itself says. */
function triggerMetadata(instanceId: string, input: unknown): Record<string, TypedData> {
  const isObject = typeof input === "object" && input !== null && !Array.isArray(input);
  const members = isObject ? Object.entries(input).map(([name, value]) => [name, asData(value)] as const) : [];
  return { instanceId: { string: instanceId }, data: asData(input), ...Object.fromEntries(members) };
}

/** JSON text of what an activity returned; null for nothing. */
function resultText(value: TypedData | null | undefined): string | null {
  if (!value) return null;
  if (value.json !== undefined) return value.json;
  if (value.string !== undefined) return JSON.stringify(value.string);
  for (const number of [value.int, value.double]) if (number !== undefined) return JSON.stringify(number);
  return value.bytes === undefined ? null : JSON.stringify(Buffer.from(value.bytes).toString("base64"));
}

export function createActivityRunner(deps: {
  functions: readonly ActivityFunction[];
  invoke: Invoker["invoke"];
  log: Log;
}): RunActivity {
  const byName = new Map(deps.functions.map((hosted) => [hosted.name.toLowerCase(), hosted]));
  return async ({ name, instanceId, taskId, input }) => {
    const hosted = byName.get(name.toLowerCase());
    if (!hosted) {
      const message = `The function '${name}' doesn't exist, is disabled, or is not an activity function: ${instanceId} waits for ever.`;
      deps.log({ level: "Error", category: "Host.Durable", message });
      return undefined;
    }
    const metadata = triggerMetadata(instanceId, input);
    const result = await deps.invoke(hosted, asData(input), `Durable activity of ${instanceId}`, metadata);
    const failed = (reason: string, details: string): Completion => ({
      EventType: EVENT.taskFailed,
      TaskScheduledId: taskId,
      Reason: `Activity function '${name}' failed: ${cut(reason)}`,
      Details: cut(details),
    });
    if (result.ok) {
      const Result = resultText(result.returnValue);
      if (isTooLong(Result)) {
        const reason = `Its result is longer than the ${MAX_VALUE_CHARACTERS} characters that this host takes.`;
        return failed(reason, reason);
      }
      return { EventType: EVENT.taskCompleted, TaskScheduledId: taskId, Result };
    }
    if (result.reason === "timeout") return failed("The timeout of the function was exceeded.", "Timeout");
    const message = result.error instanceof Error ? result.error.message : exceptionText(result.error);
    return failed(message, exceptionText(result.error));
  };
}
