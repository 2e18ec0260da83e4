/** A container credential that the app lends, got with curl as a newcomer would. Called by test/clients. */
import { applicationOf, type ClientSystem } from "./client-system.ts";

/** The container of the second product page, and the account that it is in. */
export const CONTAINER = { account: "demozenmlartifacts", name: "demo-zenmlartifactstore" } as const;
/** A container of the same account that no credential of these tests is for. */
export const OTHER_CONTAINER = "datasets";
/** What the connector is called. */
export const CONNECTOR = "azure-service-principal";

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
    resourceTypes: ["blob-container"],
  });
}

/** Asks the connector for a credential of the container. */
export function issue(system: ClientSystem, token: string, access: readonly Access[]): Promise<HttpAnswer> {
  const body = { resourceType: "blob-container", resourceId: `az://${CONTAINER.name}`, access };
  return callApi(system, token, `connectors/${CONNECTOR}/credentials`, body);
}

/** Lets platform-automation have everything in the container. Before the first credential: later it would take seconds to hold. */
export async function allowLending(system: ClientSystem, token: string): Promise<void> {
  const { objectId } = applicationOf(system.seed, "platform-automation");
  const place = { project: "vision", domain: "production" };
  const membership = { principals: [`app:${system.seed.tenant.id}/${objectId}`], ...place };
  const grant = {
    connector: CONNECTOR,
    resourceId: `/subscriptions/${system.seed.subscriptions[0]?.id}/resourceGroups/demo-zenml-demos/providers/Microsoft.Storage/storageAccounts/${CONTAINER.account}/blobServices/default/containers/${CONTAINER.name}`,
    access: ["read", "write", "list", "delete"],
    ...place,
  };
  for (const [path, body] of [
    ["memberships/clients", membership],
    ["grants/clients", grant],
  ] as const) {
    const headers = ["-H", `Authorization: Bearer ${token}`, "-H", "Content-Type: application/json"];
    const create = ["-X", "PUT", "-H", "If-None-Match: *", "-d", JSON.stringify(body)];
    expectStatus(await curl(system, `${system.apiUrl}/api/${path}`, [...headers, ...create]), 200);
  }
}

/** Registers the connector and lets it be used; afterwards `lend` issues credentials. @throws Error when anything is refused */
export async function openLending(system: ClientSystem): Promise<{
  lend(access: readonly Access[]): Promise<LentSas>;
}> {
  const token = textAt(expectStatus(await tokenFor(system, "platform-automation"), 200), "access_token");
  expectStatus(await registerConnector(system, token), 201);
  await allowLending(system, token);
  return {
    async lend(access) {
      return lentSas(expectStatus(await issue(system, token, access), 201));
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
