/** A Functions runtime without the runtime: registers routes, calls them, keeps what they logged. Used by the unit tests. */
import { type HttpFunctionOptions, HttpRequest, type HttpRequestInit, InvocationContext } from "@azure/functions";
import { z } from "zod";
import { type Route, type RouteDeps, registerRoutes } from "../../functions/route.ts";
import { ADMIN, countingIds, now } from "./fakes.ts";

const responseSchema = z.object({
  status: z.number(),
  headers: z.record(z.string(), z.string()),
  body: z.string().default(""),
});
const jsonSchema = z.record(z.string(), z.unknown());
const logLineSchema = z.looseObject({ event: z.string() });

/** An answer as the runtime gets it; `json` is its parsed body, empty when there is none or it is a text. */
export type FakeAnswer = z.output<typeof responseSchema> & { readonly json: Readonly<Record<string, unknown>> };

/** Routes ready to be called by function name; callers are ADMIN unless `deps.verifyCaller` says otherwise. */
export function runtimeOf(routes: readonly Route[], deps: Partial<RouteDeps> = {}) {
  const registered = new Map<string, HttpFunctionOptions>();
  const logged: (z.output<typeof logLineSchema> & { readonly level: string })[] = [];
  const app = { http: (name: string, options: HttpFunctionOptions) => void registered.set(name, options) };
  registerRoutes(app, routes, {
    verifyCaller: async () => ADMIN,
    takeTurn: () => {},
    now,
    newId: countingIds(),
    durable: { input: { type: "durableClient", name: "client" }, driverOf: () => async () => {} },
    ...deps,
  });

  async function call(name: string, request: HttpRequestInit = {}): Promise<FakeAnswer> {
    const handler = registered.get(name)?.handler;
    if (handler === undefined) throw new Error(`no function ${name}`);
    const context = new InvocationContext({
      functionName: name,
      logHandler: (level, ...args) => void logged.push({ level, ...logLineSchema.parse(JSON.parse(String(args[0]))) }),
    });
    const url = "https://latchkey.example/api/x";
    const answer = responseSchema.parse(await handler(new HttpRequest({ method: "GET", url, ...request }), context));
    const isJson = answer.headers["content-type"]?.includes("json") === true;
    return { ...answer, json: jsonSchema.parse(JSON.parse(isJson ? answer.body : "{}")) };
  }
  return { registered, logged, call };
}

/** A POST with a JSON body. */
export function jsonRequest(body: unknown, more: HttpRequestInit = {}): HttpRequestInit {
  const { headers, ...rest } = more;
  return {
    method: "POST",
    headers: { "content-type": "application/json", authorization: "Bearer x", ...headers },
    body: { string: typeof body === "string" ? body : JSON.stringify(body) },
    ...rest,
  };
}
