/** A registry made up for the unit tests of its content: token endpoints that grant, answers as given, time that flies. */
import { Readable } from "node:stream";
import { createHttpHeaders, type HttpClient, type PipelineRequest, RestError } from "@azure/core-rest-pipeline";
import { UnsecuredJWT } from "jose";
import { createOpenRegistryContent } from "../../shared/azure/acr-content.ts";
import type { Registry } from "../../shared/connectors/ports.ts";
import { NOW } from "./fakes.ts";
import { openedRegistry, registry } from "./fakes-registry.ts";

/** One made-up answer. `body` text as it is, anything else as JSON; so many `blanks` follow it. */
export type AcrAnswer = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly blanks?: number;
};
/** No answer at all. */
export type NoAnswer = "lost" | "hanging";
/** Of the token endpoint. */
type Granted = readonly { readonly type: string; readonly name: string; readonly actions: readonly string[] }[];

export const HOST = "demozenmlregistry.azurecr.io";
/** An error as registries write it. */
export const refusal = (status: number, code: string, headers: Readonly<Record<string, string>> = {}): AcrAnswer => ({
  status,
  headers,
  body: { errors: [{ code, message: "planned" }] },
});

/**
 * @param answer makes the answer to a request that is none for a token, by its index from 0
 * @param options.grant what a token holds; all that is asked for unless given
 * @param options.life seconds that an access token lives
 */
export function fakeAcr(
  answer: (request: PipelineRequest, index: number) => AcrAnswer | NoAnswer,
  options: { grant?: (scope: string) => Granted | AcrAnswer; life?: number; mode?: Registry["mode"] } = {},
) {
  const calls: string[] = [];
  const requests: PipelineRequest[] = [];
  const scopes: string[] = [];
  const waits: number[] = [];
  let [now, made] = [0, 0];
  const token = (claims: object, seconds: number) => {
    made += 1;
    const exp = Math.floor((NOW.getTime() + now) / 1000) + seconds;
    return new UnsecuredJWT({ aud: HOST, exp, jti: String(made), ...claims }).encode();
  };
  const respond = (request: PipelineRequest): AcrAnswer | NoAnswer => {
    const { pathname } = new URL(request.url);
    const form = new URLSearchParams(typeof request.body === "string" ? request.body : "");
    if (pathname === "/oauth2/exchange") return { status: 200, body: { refresh_token: token({}, 10_800) } };
    if (pathname === "/oauth2/token") {
      const scope = form.get("scope") ?? "";
      scopes.push(scope);
      const granted = (options.grant ?? all)(scope);
      if ("status" in granted) return granted;
      return { status: 200, body: { access_token: token({ access: granted }, options.life ?? 4_500) } };
    }
    requests.push(request);
    return answer(request, requests.length - 1);
  };
  const httpClient: HttpClient = {
    async sendRequest(request) {
      calls.push(`${request.method} ${new URL(request.url).pathname}`);
      const given = respond(request);
      if (given === "lost") throw new RestError("socket hang up", { code: "ECONNRESET", request });
      if (given === "hanging") return hang(request);
      const { status, headers = {}, body = "", blanks = 0 } = given;
      const text = typeof body === "string" ? body : JSON.stringify(body);
      const type = { "content-type": "application/json; charset=utf-8" };
      const answer = { request, status, headers: createHttpHeaders({ ...type, ...headers }) };
      if (request.streamResponseStatusCodes === undefined) return { ...answer, bodyAsText: text };
      return { ...answer, readableStreamBody: Readable.from([Buffer.from(text), Buffer.alloc(blanks, " ")]) };
    },
  };
  const open = createOpenRegistryContent(
    {
      identities: () => ({ getToken: async () => ({ token: "entra", expiresOnTimestamp: NOW.getTime() + 3_600_000 }) }),
      now: () => new Date(NOW.getTime() + now),
      clock: () => now,
      wait: async (ms) => {
        waits.push(ms);
        now += ms;
      },
      random: () => 0,
      proxies: {},
    },
    { httpClient },
  );
  const content = open(openedRegistry({ registry: registry({ mode: options.mode ?? "legacy" }) }));
  const pass = (ms: number) => {
    now += ms;
  };
  return { content, open, calls, requests, scopes, waits, pass };
}

/** What a scope asks for. */
export function all(scope: string): Granted {
  return scope.split(" ").map((one) => {
    const [type = "", name = "", actions = ""] = one.split(":");
    return { type, name, actions: actions.split(",") };
  });
}

function hang({ abortSignal }: PipelineRequest): Promise<never> {
  return new Promise((_, reject) => {
    const end = () => reject(new DOMException("The operation was aborted.", "AbortError"));
    abortSignal?.addEventListener("abort", end);
  });
}
