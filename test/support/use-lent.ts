/** Uses lent credentials of registries and clusters as their clients do, and looks at what is left of them in Azure. For e2e tests. */
import { ApiException, BatchV1Api, CoreV1Api, KubeConfig } from "@kubernetes/client-node";
import { z } from "zod";
import type { Api } from "./api.ts";
import { type RawAnswer, rawRequest } from "./raw-request.ts";
import type { System } from "./system.ts";

const SCOPE_OF_ARM = "https://management.azure.com/.default";
const REGISTRY_API = "api-version=2025-11-01";

/** Status of a request to a registry with an access token. */
export async function withToken(
  system: System,
  host: string,
  token: string,
  method: string,
  path: string,
  headers: Record<string, string> = {},
): Promise<number> {
  const authorization = `Bearer ${token}`;
  const length = method === "POST" ? { "content-length": "0" } : {};
  const request = { method, url: `https://${host}${path}`, headers: { authorization, ...length, ...headers } };
  return (await rawRequest(system, request)).status;
}

/** An access token for a login, as docker asks for it; null when the registry refuses. */
export async function tokenByLogin(
  system: System,
  login: { readonly loginServer: string; readonly username: string; readonly password: string },
  scope: string,
): Promise<string | null> {
  const { loginServer, username, password } = login;
  const answer = await rawRequest(system, {
    method: "GET",
    url: `https://${loginServer}/oauth2/token?service=${loginServer}&scope=${encodeURIComponent(scope)}`,
    headers: { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}` },
  });
  if (answer.status === 401) return null;
  return z.object({ access_token: z.string() }).parse(JSON.parse(answer.body)).access_token;
}

/** Names of what is there, or the status of the refusal. */
export async function listIn(
  system: System,
  kubeconfig: string,
  namespace: string,
  kind: "pods" | "secrets" | "jobs" = "pods",
): Promise<readonly string[] | number> {
  const config = new KubeConfig();
  config.loadFromString(kubeconfig);
  config.clusters = config.clusters.map((cluster) => ({ ...cluster, proxyUrl: system.proxyUrl }));
  const core = config.makeApiClient(CoreV1Api);
  try {
    const { items } =
      kind === "pods"
        ? await core.listNamespacedPod({ namespace })
        : kind === "secrets"
          ? await core.listNamespacedSecret({ namespace })
          : await config.makeApiClient(BatchV1Api).listNamespacedJob({ namespace });
    return items.map(({ metadata }) => metadata?.name ?? "");
  } catch (error) {
    if (error instanceof ApiException) return error.code;
    throw error;
  }
}

/** What ARM answers to an application of the seed. */
export async function askArm(
  system: System,
  api: Api,
  application: string,
  method: string,
  path: string,
  body?: object,
): Promise<RawAnswer> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  return rawRequest(system, {
    method,
    url: `https://management.azure.com${path}?${REGISTRY_API}`,
    headers: {
      authorization: `Bearer ${await api.tokenOf(application, SCOPE_OF_ARM)}`,
      ...(text === undefined ? {} : { "content-type": "application/json", "content-length": String(text.length) }),
    },
    ...(text === undefined ? {} : { body: text }),
  });
}

const listSchema = z.object({
  value: z.array(z.object({ name: z.string(), properties: z.object({ actions: z.array(z.string()).default([]) }) })),
});

/** Tokens or scope maps of a registry that are Latchkey's, with the actions of maps. */
export async function inRegistry(
  system: System,
  api: Api,
  registryId: string,
  kind: "tokens" | "scopeMaps",
  application = "zenml-connector",
): Promise<readonly { readonly name: string; readonly actions: readonly string[] }[]> {
  const answer = await askArm(system, api, application, "GET", `${registryId}/${kind}`);
  if (answer.status !== 200) throw new Error(`${kind} were not listed: ${answer.status} ${answer.body}`);
  return listSchema
    .parse(JSON.parse(answer.body))
    .value.map(({ name, properties: { actions } }) => ({ name, actions }))
    .filter(({ name }) => name.startsWith("latchkey-"));
}

/** What of a registry is Latchkey's: `tokens/NAME`, `scopeMaps/NAME`. */
export async function leftInRegistry(
  system: System,
  api: Api,
  registryId: string,
  application = "zenml-connector",
): Promise<readonly string[]> {
  const kinds = ["tokens", "scopeMaps"] as const;
  const found = await Promise.all(kinds.map((kind) => inRegistry(system, api, registryId, kind, application)));
  return kinds.flatMap((kind, index) => (found[index] ?? []).map(({ name }) => `${kind}/${name}`));
}

const SCOPE_OF_CLUSTERS = "6dae42f8-4368-4678-94ff-3960e28e3630/.default";

/** Names of our Secrets in a namespace of a cluster with Entra sign-in. @param server `https://...` of its API server */
export async function leftInCluster(
  system: System,
  api: Api,
  server: string,
  namespace: string,
  application = "zenml-connector",
): Promise<readonly string[]> {
  const answer = await rawRequest(system, {
    method: "GET",
    url: `${server}/api/v1/namespaces/${namespace}/secrets`,
    headers: { authorization: `Bearer ${await api.tokenOf(application, SCOPE_OF_CLUSTERS)}` },
  });
  if (answer.status !== 200) throw new Error(`Secrets were not listed: ${answer.status} ${answer.body}`);
  const { items } = z
    .object({ items: z.array(z.object({ metadata: z.object({ name: z.string() }) })) })
    .parse(JSON.parse(answer.body));
  return items.map(({ metadata }) => metadata.name).filter((name) => name.startsWith("latchkey-"));
}

/** Address of the API server in a kubeconfig. */
export function serverOf(kubeconfig: string): string {
  const config = new KubeConfig();
  config.loadFromString(kubeconfig);
  return config.getCurrentCluster()?.server.replace(/:443$/, "") ?? "";
}
