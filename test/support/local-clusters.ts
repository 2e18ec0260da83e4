/** Host names of the seed's clusters and requests to their API servers, for contract tests. */
import { join } from "node:path";
import { clusterHost, openClusterAuthorities } from "../../infra/local/azure/kubernetes/cluster-identity.ts";
import { placed } from "../../infra/local/placed-resources.ts";
import { loadSeed, type Seed } from "../../infra/local/seed.ts";
import { openStateStore } from "../../infra/local/state.ts";
import { type JsonAnswer, jsonRequest } from "./json-request.ts";
import type { LocalAzure } from "./local-azure.ts";

/** Scope of a token that API servers take. */
export const CLUSTER_SCOPE = "6dae42f8-4368-4678-94ff-3960e28e3630/.default";

/** `https://` and the host of a cluster of the seed. @throws Error when there is none */
export function clusterUrl(azure: LocalAzure, group: string, name: string): string {
  const { id, resource, location } = clusterNamed(azure.seed, group, name);
  return `https://${clusterHost(id, resource, location).server}`;
}

function clusterNamed(seed: Seed, group: string, name: string) {
  const all = placed(seed, "Microsoft.ContainerService/managedClusters", (one) => one.clusters);
  const found = all.find((one) => one.group.name === group && one.name === name);
  if (found === undefined) throw new Error(`no cluster ${group}/${name}`);
  return found;
}

/**
 * What the administrator of a cluster signs in with, made as the local Azure makes it.
 * @param stateDir of a local Azure that is not running: it would not see what is made beside it
 */
export async function administratorOf(stateDir: string, group: string, name: string) {
  const authorities = openClusterAuthorities({ state: openStateStore(join(stateDir, "state")), now: () => new Date() });
  const { certPem, keyPem, token } = await (
    await authorities.of(clusterNamed(loadSeed(), group, name).id)
  ).administrator();
  return { certificate: { cert: certPem, key: keyPem }, token };
}

/** Sends JSON to an API server. */
export function clusterRequest(
  azure: LocalAzure,
  method: string,
  url: string,
  options: {
    readonly token?: string;
    readonly body?: unknown;
    readonly accept?: string;
    readonly certificate?: { readonly cert: string; readonly key: string };
  } = {},
): Promise<JsonAnswer> {
  const { token, accept, certificate } = options;
  const body = options.body === undefined ? undefined : JSON.stringify(options.body);
  return jsonRequest(azure, method, url, {
    ...(token === undefined ? {} : { token }),
    ...(certificate === undefined ? {} : { certificate }),
    headers: {
      "content-type": "application/json",
      ...(accept === undefined ? {} : { accept }),
      // Node adds it to no DELETE.
      ...(body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) }),
    },
    ...(body === undefined ? {} : { body }),
  });
}
