/** Requests to the local ARM about tokens of registries, and sign-ins with them: for contract tests. */
import { expect } from "vitest";
import { tokenOf } from "./application-tokens.ts";
import { type JsonAnswer, jsonRequest } from "./json-request.ts";
import type { LocalAzure } from "./local-azure.ts";

const ARM = "https://management.azure.com";
/** The api-version of the pinned SDK. */
export const REGISTRY_API_VERSION = "2025-11-01";
/** Group and name of the demo's registry, which zenml-connector may manage. */
export const DEMO_REGISTRY = { group: "demo-zenml-demos", name: "demozenmlcontainerregistry" };
/** Actions of the scope map that `openRegistryArm` makes. */
export const PULL = ["repositories/vision/train/content/read"];
/** Long enough to see a token that is being made. */
export const TOKEN_SETTLE_MS = 400;

/** Waits until every change so far is done. */
export function settled(): Promise<unknown> {
  return new Promise((resolve) => setTimeout(resolve, TOKEN_SETTLE_MS + 50));
}

/** How the provider refuses. */
export function registryRefusal(status: number, code: string) {
  return { status, json: { error: { code, message: expect.any(String) }, status: "Failed" } };
}

/** Values by name of the password, as far as an answer tells them. */
export function valuesIn(answer: JsonAnswer): Record<string, string | undefined> {
  expect(answer.status).toBe(200);
  const { passwords } = answer.json as { passwords: { name: string; value?: string }[] };
  return Object.fromEntries(passwords.map(({ name, value }) => [name, value]));
}

/** What one application asks of one local Azure. */
export type RegistryArm = Awaited<ReturnType<typeof openRegistryArm>>;

/** @param application of the seed */
export async function openRegistryArm(azure: LocalAzure, application = "zenml-connector") {
  const [demo, research] = azure.seed.subscriptions;
  const provider = "providers/Microsoft.ContainerRegistry/registries";
  const { group, name } = DEMO_REGISTRY;
  const registry = `/subscriptions/${demo?.id}/resourceGroups/${group}/${provider}/${name}`;
  const token = await tokenOf(azure, application, `${ARM}/.default`);
  const send = (method: string, path: string, body?: unknown): Promise<JsonAnswer> =>
    jsonRequest(azure, method, `${ARM}${path}?api-version=${REGISTRY_API_VERSION}`, {
      token,
      headers: { "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const scopeMapId = (map = "pull-train", of = registry) => `${of}/scopeMaps/${map}`;
  return {
    token,
    /** ARM id of the demo's registry. */
    registry,
    /** That of one of tier Basic, which research-connector may manage. */
    basic: `/subscriptions/${research?.id}/resourceGroups/research-speech/${provider}/researchadminregistry`,
    send,
    put: (path: string, body: unknown) => send("PUT", path, body),
    scopeMapId,
    /** @returns the token's ARM id, when it is made */
    async makeToken(named: string, map = scopeMapId()): Promise<string> {
      const path = `${registry}/tokens/${named}`;
      const answer = await send("PUT", path, { properties: { scopeMapId: map, status: "enabled" } });
      expect(answer.status).toBe(201);
      await settled();
      return path;
    },
    generate: (tokenId: string, more: Readonly<Record<string, string>> = {}) =>
      send("POST", `${registry}/generateCredentials`, { tokenId, ...more }),
    /** Asks the demo's registry for an access token. */
    signIn(user: string, password: string): Promise<JsonAnswer> {
      const host = `${name}.azurecr.io`;
      const url = `https://${host}/oauth2/token?service=${host}&scope=repository:vision/train:pull`;
      const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
      return jsonRequest(azure, "GET", url, { headers: { authorization } });
    },
  };
}
