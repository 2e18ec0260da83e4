/** Registries and clusters that the app lends to the tests with container clients. Called by test/clients. */
import { applicationOf, type ClientRun, type ClientSystem } from "./client-system.ts";
import { callApi, curl, type HttpAnswer, PLACE, textAt, tokenFor } from "./lending.ts";

/** The registry that most tests lend, by its login server. */
export const REGISTRY = "demozenmlcontainerregistry.azurecr.io";
/** The cluster that most tests lend, as RESOURCE-GROUP/NAME. */
export const CLUSTER = "demo-zenml-demos/demo-zenml-terraform-cluster";
/** Beside which a registry takes a token as password. */
export const TOKEN_USER = "00000000-0000-0000-0000-000000000000";

/** ARM id of a resource of the seed. @param subscription display name in the seed */
export function armId(
  system: ClientSystem,
  type: "ContainerRegistry/registries" | "ContainerService/managedClusters",
  [group, name]: readonly [group: string, name: string],
  subscription = "ZenML Subscription",
): string {
  const id = system.seed.subscriptions.find((one) => one.name === subscription)?.id;
  return `/subscriptions/${id}/resourceGroups/${group}/providers/Microsoft.${type}/${name}`;
}

/** What a connector lends: grants by their names, without connector and place. */
export type Lending = {
  readonly connector: string;
  /** Of the seed: what the connector signs in as. */
  readonly application: "zenml-connector" | "research-connector";
  readonly resourceType: "docker-registry" | "kubernetes-cluster";
  readonly grants: Readonly<Record<string, object>>;
};
/** Asks the app as platform-automation. */
export type Lender = {
  /** Whatever the answer is. */
  ask(wanted: object): Promise<HttpAnswer>;
  /** @throws Error when it is refused */
  lend(wanted: object): Promise<HttpAnswer>;
  /** Ends the lease of an answer. @throws Error when it is refused */
  end(lent: HttpAnswer): Promise<HttpAnswer>;
  renew(lent: HttpAnswer): Promise<HttpAnswer>;
};

/** Registers a connector and sets its grants, before the first credential: later it would take seconds to hold. */
export async function openContainerLending(system: ClientSystem, lending: Lending): Promise<Lender> {
  const { connector, resourceType } = lending;
  const token = textAt(await tokenFor(system, "platform-automation"), "access_token");
  const { clientId, secret } = applicationOf(system.seed, lending.application);
  const registration = {
    name: connector,
    authMethod: "service-principal",
    configuration: { tenantId: system.seed.tenant.id, clientId },
    secrets: { clientSecret: secret },
    resourceTypes: [resourceType],
  };
  expectStatus(await callApi(system, token, "connectors", registration), 201);
  const { objectId } = applicationOf(system.seed, "platform-automation");
  const records = [
    [`memberships/${connector}`, { principals: [`app:${system.seed.tenant.id}/${objectId}`], ...PLACE }],
    ...Object.entries(lending.grants).map(([name, grant]) => [`grants/${name}`, { connector, ...PLACE, ...grant }]),
  ] as const;
  const bearer = ["-H", `Authorization: Bearer ${token}`];
  for (const [path, body] of records) {
    const create = ["-X", "PUT", "-H", "If-None-Match: *", "-H", "Content-Type: application/json"];
    const args = [...bearer, ...create, "-d", JSON.stringify(body)];
    expectStatus(await curl(system, `${system.apiUrl}/api/${path}`, args), 200);
  }
  const ask = (wanted: object) =>
    callApi(system, token, `connectors/${connector}/credentials`, { resourceType, ...PLACE, ...wanted });
  return {
    ask,
    lend: async (wanted) => expectStatus(await ask(wanted), 201),
    async end(lent) {
      const lease = `${system.apiUrl}/api/leases/${textAt(lent, "leaseId")}`;
      return expectStatus(await curl(system, lease, [...bearer, "-X", "DELETE"]), 200);
    },
    renew: (lent) => callApi(system, token, `leases/${textAt(lent, "leaseId")}/renew`, {}),
  };
}

/** How a client ended, and what it was answered on the way. */
export type Met = ClientRun & {
  /**
   * Statuses of the answers below a path, each once and in order: a refusal is one of the service's, and not an accident.
   * @param method of those requests; all when absent
   */
  statusesAt(path: string, method?: string): readonly number[];
};

/** Runs a client while no other does. @param server whose answers are told: the local Azure, or another registry */
export async function meeting(server: Pick<ClientSystem, "requests">, run: () => Promise<ClientRun>): Promise<Met> {
  const before = (await server.requests()).length;
  const ended = await run();
  const requests = (await server.requests()).slice(before);
  return {
    ...ended,
    statusesAt(path, method) {
      const there = requests.filter((one) => one.path.startsWith(path) && (method ?? one.method) === one.method);
      // A client that sends several at once leaves the others when one is refused.
      const statuses = there.map(({ status }) => status).filter((status) => status !== null);
      return [...new Set(statuses)].toSorted((a, b) => a - b);
    },
  };
}

function expectStatus(answer: HttpAnswer, status: number): HttpAnswer {
  if (answer.status !== status) throw new Error(`status ${answer.status}, expected ${status}: ${answer.text}`);
  return answer;
}
