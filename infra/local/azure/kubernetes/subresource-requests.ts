/** Answers a request about a part of an object: its status, its scale, a token. Called by cluster-requests.ts. */
import type { ApiResource } from "./api-resources.ts";
import { methodNotAllowed, notEmulated, unknownResource } from "./api-status.ts";
import type { ClusterAnswer, ClusterDeps, ClusterRequest } from "./cluster-requests.ts";
import { inOrder, parseBody } from "./object-bodies.ts";
import { type ChangeRequest, changeObject, changeScale, scaleOf } from "./object-changes.ts";
import { getObject } from "./object-operations.ts";
import type { ResourceRequest } from "./request-info.ts";
import { requestToken } from "./token-requests.ts";

/** The change that a request asks for. */
export function changeOf(verb: ChangeRequest["verb"], { body, contentType, query }: ClusterRequest): ChangeRequest {
  return { verb, body, contentType, isRehearsal: query.has("dryRun") };
}

/** @throws ApiError */
export async function answerSubresource(
  deps: ClusterDeps,
  resource: ApiResource,
  asked: ResourceRequest,
  request: ClusterRequest,
): Promise<ClusterAnswer> {
  const { subresource, verb, namespace, name } = asked;
  if (!resource.subresources.some((one) => one.name === subresource)) throw unknownResource();
  const isStatus = subresource === "status" && resource.kind !== "Namespace";
  if (isStatus || subresource === "scale") {
    switch (verb) {
      case "get": {
        const object = getObject(deps.document.read(), resource, namespace, name);
        return { status: 200, json: isStatus ? inOrder(object) : scaleOf(object) };
      }
      case "update":
      case "patch": {
        const change = changeOf(verb, request);
        return {
          status: 200,
          json: isStatus
            ? inOrder(changeObject(deps, resource, asked, change))
            : changeScale(deps, resource, asked, change),
        };
      }
      default:
        throw methodNotAllowed();
    }
  }
  if (resource.kind !== "ServiceAccount" || subresource !== "token") {
    throw notEmulated(`${verb} ${resource.plural}/${subresource}`);
  }
  if (verb !== "create") throw methodNotAllowed();
  const { document, serviceAccounts, audience, now } = deps;
  const { body, warning } = await requestToken(
    parseBody(request.body, request.contentType),
    { namespace, name },
    { state: document.read(), tokens: serviceAccounts, audience, maxSeconds: deps.settings().maxTokenSeconds, now },
  );
  return { status: 201, json: body, warning };
}
