/** An app that keeps what is registered, and calls it as the host does. For unit tests of durable functions. */
import { type GenericFunctionOptions, InvocationContext } from "@azure/functions";

/** `logged`: lines of all calls. */
export function durableApp() {
  const registered = new Map<string, GenericFunctionOptions>();
  const logged: Record<string, unknown>[] = [];
  return {
    app: { generic: (name: string, options: GenericFunctionOptions) => void registered.set(name, options) },
    registered,
    logged,
    call: async (name: string, input: unknown): Promise<unknown> => {
      const options = registered.get(name);
      if (options === undefined) throw new Error("There is no such function.");
      const context = new InvocationContext({
        functionName: name,
        invocationId: "invocation-1",
        logHandler: (level, line) => void logged.push({ level, ...JSON.parse(String(line)) }),
      });
      return options.handler(input, context);
    },
  };
}
