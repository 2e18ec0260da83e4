/** The demo's view of the running app: plain HTTP, as any caller would speak it. */
import { UsernamePasswordCredential } from "@azure/identity";
import { z } from "zod";
import type { Seed } from "../../infra/local/seed.ts";
import { Surprise } from "./stage.ts";

/** An answer of the app: status and JSON body. */
export type Answer = { readonly status: number; readonly body: unknown };

/** Calls the app as one signed-in caller. */
export type Client = {
  call(method: string, path: string, body?: unknown): Promise<Answer>;
  /** PUT of something that must not exist yet. */
  create(path: string, body: unknown): Promise<Answer>;
};

/** @param token an access token, or null to call without one */
export function createClient(apiUrl: string, token: string | null): Client {
  const call = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const response = await fetch(`${apiUrl}/api/${path}`, {
      method,
      headers: {
        ...headers,
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() };
  };
  return {
    call,
    create: (path, body) => call("PUT", path, body, { "if-none-match": "*" }),
  };
}

/** Signs a user of the seed in by password, as only the local Entra's users should. @throws AuthenticationError */
export async function passwordToken(seed: Seed, user: string): Promise<string> {
  const password = seed.users.find(({ name }) => name === user)?.password ?? "";
  const client = seed.applications.find(({ name }) => name === "latchkey-cli")?.clientId ?? "";
  const credential = new UsernamePasswordCredential(seed.tenant.id, client, user, password);
  return (await credential.getToken("api://latchkey/.default")).token;
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
