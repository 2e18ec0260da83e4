/** Host names of the seed's clusters and requests to their API servers, for contract tests. */
import { clusterHost } from "../../infra/local/azure/kubernetes/cluster-identity.ts";
import { placed } from "../../infra/local/placed-resources.ts";
import { type JsonAnswer, jsonRequest } from "./json-request.ts";
import type { LocalAzure } from "./local-azure.ts";

/** Scope of a token that API servers take. */
export const CLUSTER_SCOPE = "6dae42f8-4368-4678-94ff-3960e28e3630/.default";

/** `https://` and the host of a cluster of the seed. @throws Error when there is none */
export function clusterUrl(azure: LocalAzure, group: string, name: string): string {
  const found = placed(azure.seed, "Microsoft.ContainerService/managedClusters", (one) => one.clusters).find(
    (one) => one.group.name === group && one.name === name,
  );
  if (found === undefined) throw new Error(`no cluster ${group}/${name}`);
  return `https://${clusterHost(found.id, found.resource, found.location).server}`;
}

/** Sends JSON to an API server. */
export function clusterRequest(
  azure: LocalAzure,
  method: string,
  url: string,
  options: { readonly token?: string; readonly body?: unknown; readonly accept?: string } = {},
): Promise<JsonAnswer> {
  const { token, accept } = options;
  const body = options.body === undefined ? undefined : JSON.stringify(options.body);
  return jsonRequest(azure, method, url, {
    ...(token === undefined ? {} : { token }),
    headers: {
      "content-type": "application/json",
      ...(accept === undefined ? {} : { accept }),
      // Node adds it to no DELETE.
      ...(body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) }),
    },
    ...(body === undefined ? {} : { body }),
  });
}
