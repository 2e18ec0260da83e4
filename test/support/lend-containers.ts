/** Lends, uses, renews and ends every form for registries and clusters, for the search for leaked secrets. */
import { KubeConfig } from "@kubernetes/client-node";
import type { Answer, Api, Problem } from "./api.ts";
import { borrowCluster, borrowRegistry, type LentBody, lent, registerContainers } from "./containers.ts";
import { createControl } from "./control.ts";
import type { LeakSearch } from "./leak-search.ts";
import type { System } from "./system.ts";
import { listIn, tokenByLogin, withToken } from "./use-lent.ts";

const REPOSITORY = "vision/train";
const SCOPE = { repositories: [REPOSITORY] };
/** What fails while each form is lent once more. */
const FAULTS = [
  { service: "arm", status: 500 },
  { service: "registry", status: 500 },
  { service: "kubernetes", status: 500 },
] as const;

/**
 * Of a system where grantContainers was called.
 * @param search is told of every secret
 * @returns every answer that is not meant to hold one
 */
export async function lendContainers(
  system: System,
  api: Api,
  search: LeakSearch,
): Promise<readonly Answer<Problem>[]> {
  for (const name of ["logins-main", "registries-wide", "clusters-vision", "clusters-whole"]) {
    await registerContainers(system, api, name);
  }
  const lendings = [
    () => borrowRegistry(api, "logins-main", { scope: SCOPE }),
    () => borrowRegistry(api, "logins-main", { scope: SCOPE, form: "docker-login" }),
    () => borrowRegistry(api, "registries-wide", { form: "registry-wide" }),
    () => borrowCluster(api, "clusters-vision"),
    () => borrowCluster(api, "clusters-whole", { form: "entra-token" }),
    () => borrowCluster(api, "clusters-whole", { form: "admin", access: ["admin"] }),
  ];
  const said: Answer<Problem>[] = [];
  for (const lend of lendings) {
    const first = await use(system, lent(await lend()), search);
    const renewed = await api.call<LentBody>("POST", `leases/${first}/renew`, { body: {} });
    if (renewed.status === 200) await use(system, renewed.body, search);
    else said.push(renewed);
    said.push(await api.call("GET", `leases/${first}`), await api.call("DELETE", `leases/${first}`));
  }
  const control = createControl(system);
  for (const rule of FAULTS) {
    await control.fault(rule);
    const answers = await Promise.all(lendings.map((lend) => lend()));
    await control.clear();
    for (const answer of answers) {
      // What is at hand is lent all the same, and is as secret as any.
      if (answer.status === 201) await use(system, answer.body, search);
      else said.push(answer);
    }
  }
  return said;
}

/** The id of its lease. */
async function use(system: System, { leaseId, credential, env }: LentBody, search: LeakSearch): Promise<string> {
  const { kind, loginServer, token, password, kubeconfig } = credential;
  const { auths } = JSON.parse(env.DOCKER_AUTH_CONFIG ?? '{"auths":{}}');
  for (const [host, { auth }] of Object.entries<{ auth: string }>(auths)) search.add(`the login at ${host}`, auth);
  const tags = `/v2/${REPOSITORY}/tags/list`;
  switch (kind) {
    case "acr-access-token":
      search.add("an access token of a registry", token);
      await withToken(system, loginServer, token, "GET", tags);
      break;
    case "docker-login": {
      search.add("a password of a registry", password);
      const exchanged = await tokenByLogin(system, credential, `repository:${REPOSITORY}:pull,metadata_read`);
      if (exchanged === null) throw new Error("the login does not work");
      search.add("what a login was exchanged for", exchanged);
      await withToken(system, loginServer, exchanged, "GET", tags);
      break;
    }
    default: {
      const config = new KubeConfig();
      config.loadFromString(kubeconfig);
      const user = config.getCurrentUser();
      if (user?.token !== undefined) search.add("a token of a cluster", user.token);
      if (user?.keyData !== undefined) {
        search.add("the key of a cluster's administrator", user.keyData);
        const [, line = ""] = Buffer.from(user.keyData, "base64").toString("utf8").split("\n");
        search.add("a line of that key", line);
      }
      await listIn(system, kubeconfig, "vision");
    }
  }
  return leaseId;
}
