/** What the app lends, got with curl as a newcomer would. Called by test/clients. */
import { applicationOf, type ClientSystem } from "./client-system.ts";

/** The container of the second product page, and the account that it is in. */
export const CONTAINER = { account: "demozenmlartifacts", name: "demo-zenmlartifactstore" } as const;
/** A container of the same account that no credential of these tests is for. */
export const OTHER_CONTAINER = "datasets";
/** The vault whose secret is lent, and that secret. */
export const VAULT = "https://examplevault.vault.azure.net";
/** See VAULT. */
export const SECRET = "example-secret";
/** What the connector is called. */
export const CONNECTOR = "azure-service-principal";
/** Where the caller is a member. */
export const PLACE = { project: "vision", domain: "production" } as const;

/** A right on a container. */
export type Access = "read" | "write" | "list" | "delete";
/** An answer over HTTP: `json` is its body as JSON, undefined when it is none. */
export type HttpAnswer = { readonly status: number; readonly json: unknown; readonly text: string };
/** A credential as the app hands it out. */
export type LentSas = { readonly accountUrl: string; readonly containerUrl: string; readonly sasToken: string };

/** Sends one request with curl. @param args more arguments of curl, e.g. headers */
export async function curl(system: ClientSystem, url: string, args: readonly string[] = []): Promise<HttpAnswer> {
  const { code, stdout, stderr } = await system.run("curl", ["-sS", "-w", "\n%{http_code}", ...args, url]);
  if (code !== 0) throw new Error(`curl ended with ${code}: ${stderr}`);
  const end = stdout.lastIndexOf("\n");
  const text = stdout.slice(0, end);
  return { status: Number(stdout.slice(end + 1)), text, json: parsed(text) };
}

/** A token of an application of the seed, from Entra. */
export async function tokenFor(
  system: ClientSystem,
  name: string,
  scope = "api://latchkey/.default",
): Promise<HttpAnswer> {
  const { clientId, secret } = applicationOf(system.seed, name);
  const fields = { grant_type: "client_credentials", client_id: clientId, client_secret: secret, scope };
  const form = Object.entries(fields).flatMap(([field, value]) => ["--data-urlencode", `${field}=${value}`]);
  return curl(system, `https://login.microsoftonline.com/${system.seed.tenant.id}/oauth2/v2.0/token`, form);
}

/** Calls the app with a bearer token. */
export function callApi(system: ClientSystem, token: string, path: string, body?: unknown): Promise<HttpAnswer> {
  const bearer = ["-H", `Authorization: Bearer ${token}`];
  const json = ["-H", "Content-Type: application/json", "-d", JSON.stringify(body)];
  return curl(system, `${system.apiUrl}/api/${path}`, body === undefined ? bearer : [...bearer, ...json]);
}

/** Registers the service principal of the second product page as a connector. */
export function registerConnector(system: ClientSystem, token: string): Promise<HttpAnswer> {
  const { clientId, secret } = applicationOf(system.seed, "zenml-connector");
  return callApi(system, token, "connectors", {
    name: CONNECTOR,
    authMethod: "service-principal",
    configuration: { tenantId: system.seed.tenant.id, clientId },
    secrets: { clientSecret: secret },
    resourceTypes: ["blob-container", "azure-generic", "key-vault-secret"],
  });
}

/** Asks the connector for a credential of the container. */
export function issue(system: ClientSystem, token: string, access: readonly Access[]): Promise<HttpAnswer> {
  const body = { resourceType: "blob-container", resourceId: `az://${CONTAINER.name}`, access };
  return callApi(system, token, `connectors/${CONNECTOR}/credentials`, body);
}

/** Asks the connector for an access token for Azure Resource Manager. */
export function issueArmToken(system: ClientSystem, token: string): Promise<HttpAnswer> {
  const wanted = { resourceType: "azure-generic", resourceId: subscriptionId(system), access: ["use"] };
  return callApi(system, token, `connectors/${CONNECTOR}/credentials`, { ...wanted, scope: { audience: "arm" } });
}

/** ARM id of the seed's subscription. */
function subscriptionId(system: ClientSystem): string {
  return `/subscriptions/${system.seed.subscriptions[0]?.id}`;
}

/**
 * Lets platform-automation have everything in the container, tokens for ARM and the secret. Before the first
 * credential: later it would take seconds to hold.
 */
export async function allowLending(system: ClientSystem, token: string): Promise<void> {
  const { objectId } = applicationOf(system.seed, "platform-automation");
  const container = `/resourceGroups/demo-zenml-demos/providers/Microsoft.Storage/storageAccounts/${CONTAINER.account}/blobServices/default/containers/${CONTAINER.name}`;
  const grant = { connector: CONNECTOR, ...PLACE };
  const records = {
    "memberships/clients": { principals: [`app:${system.seed.tenant.id}/${objectId}`], ...PLACE },
    "grants/clients-container": {
      ...grant,
      resourceId: `${subscriptionId(system)}${container}`,
      access: ["read", "write", "list", "delete"],
    },
    "grants/clients-token": {
      ...grant,
      resourceId: subscriptionId(system),
      access: ["use"],
      scope: { audience: "arm" },
    },
    "grants/clients-secret": { ...grant, resourceId: `${VAULT}/secrets/${SECRET}`, access: ["read"] },
  };
  for (const [path, body] of Object.entries(records)) {
    const headers = ["-H", `Authorization: Bearer ${token}`, "-H", "Content-Type: application/json"];
    const create = ["-X", "PUT", "-H", "If-None-Match: *", "-d", JSON.stringify(body)];
    expectStatus(await curl(system, `${system.apiUrl}/api/${path}`, [...headers, ...create]), 200);
  }
}

/** Registers the connector and lets it be used; afterwards `lend` issues credentials. @throws Error when anything is refused */
export async function openLending(system: ClientSystem): Promise<{
  /** Access token of platform-automation for the app. */
  readonly token: string;
  lend(access: readonly Access[]): Promise<LentSas>;
  /** An access token for Azure Resource Manager. */
  lendArmToken(): Promise<string>;
}> {
  const token = textAt(expectStatus(await tokenFor(system, "platform-automation"), 200), "access_token");
  expectStatus(await registerConnector(system, token), 201);
  await allowLending(system, token);
  return {
    token,
    async lend(access) {
      return lentSas(expectStatus(await issue(system, token, access), 201));
    },
    async lendArmToken() {
      return textAt(expectStatus(await issueArmToken(system, token), 201), "credential", "token");
    },
  };
}

/** The credential in an answer. @throws Error when there is none */
export function lentSas(answer: HttpAnswer): LentSas {
  const of = (member: string) => textAt(answer, "credential", member);
  return { accountUrl: of("accountUrl"), containerUrl: of("containerUrl"), sasToken: of("sasToken") };
}

/** Text inside a JSON body. @throws Error when it is not there */
export function textAt(answer: HttpAnswer, ...path: readonly string[]): string {
  let value = answer.json;
  for (const member of path) {
    value = typeof value === "object" && value !== null ? Reflect.get(value, member) : undefined;
  }
  if (typeof value !== "string") throw new Error(`no ${path.join(".")} in an answer with status ${answer.status}`);
  return value;
}

function expectStatus(answer: HttpAnswer, status: number): HttpAnswer {
  if (answer.status !== status) throw new Error(`status ${answer.status}, expected ${status}: ${answer.text}`);
  return answer;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
