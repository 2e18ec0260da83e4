/** The demo's view of the running app: plain HTTP, as any caller would speak it. */
import { z } from "zod";
import type { Seed } from "../../infra/local/seed.ts";
import { Surprise } from "./stage.ts";

/** An answer of the app: status and JSON body. */
export type Answer = { readonly status: number; readonly body: unknown };

/** Calls the app as one signed-in caller. */
export type Client = { call(method: string, path: string, body?: unknown): Promise<Answer> };

/** @param token an access token, or null to call without one */
export function createClient(apiUrl: string, token: string | null): Client {
  return {
    async call(method, path, body) {
      const response = await fetch(`${apiUrl}/api/${path}`, {
        method,
        headers: {
          ...(token === null ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: response.status, body: await response.json() };
    },
  };
}

/** Checks the body of an answer. @throws Surprise with the problem's code when the status is another */
export function read<S extends z.ZodType>(answer: Answer, status: number, schema: S): z.output<S> {
  if (answer.status === status) return schema.parse(answer.body);
  throw new Surprise(`expected status ${status}, got ${answer.status}: ${JSON.stringify(answer.body)}`);
}

/** An application of the seed file. @throws Surprise when there is none of this name */
export function applicationOf(seed: Seed, name: string): Seed["applications"][number] & { secret: string } {
  const found = seed.applications.find((application) => application.name === name);
  if (found?.secret === undefined) throw new Surprise(`the seed file has no application ${name} with a secret`);
  return { ...found, secret: found.secret };
}

/** Error bodies, as far as the demo looks at them. */
export const problemSchema = z.object({ code: z.string(), detail: z.string() });
