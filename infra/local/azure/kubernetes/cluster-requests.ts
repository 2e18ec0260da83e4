/** Answers one request to one cluster, user known: rights first, then the operation. Called by kubernetes.ts. */
import { type ApiResource, findApiResource } from "./api-resources.ts";
import { ApiError, methodNotAllowed, notEmulated, unknownResource } from "./api-status.ts";
import { demand, type judge } from "./authorize.ts";
import { discover, hasGroupVersion } from "./discovery.ts";
import type { KubeObject } from "./kube-object.ts";
import type { KubernetesSettings } from "./kubernetes-settings.ts";
import { inOrder, parseBody, readDeleteOptions, readObject } from "./object-bodies.ts";
import { changeObject } from "./object-changes.ts";
import { listObjects } from "./object-lists.ts";
import { type ChangeDeps, createObject, deleteObject, getObject } from "./object-operations.ts";
import { demandNoEscalation } from "./rbac-escalation.ts";
import { type ResourceRequest, requestInfo } from "./request-info.ts";
import { answerReview } from "./self-reviews.ts";
import type { ServiceAccountTokens } from "./service-account-tokens.ts";
import { answerSubresource, changeOf } from "./subresource-requests.ts";
import { asksForTable, tableOf } from "./tables.ts";
import type { UserInfo } from "./user-info.ts";

/** A request as it came. `path` without query. */
export type ClusterRequest = {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly accept: string | undefined;
  readonly contentType: string | undefined;
  readonly body: Buffer;
};

/** What is sent back: JSON, plain text, or bytes of another type. */
export type ClusterAnswer = {
  readonly status: number;
  readonly json?: unknown;
  readonly text?: string;
  readonly bytes?: Buffer;
  readonly contentType?: string;
  readonly warning?: string | undefined;
};

/** What the answers of one cluster need. */
export type ClusterDeps = ChangeDeps & {
  /** ARM id. */
  readonly id: string;
  readonly usesAzureRoles: boolean;
  readonly authorization: Parameters<typeof judge>[2]["authorization"];
  readonly serviceAccounts: ServiceAccountTokens;
  /** Of tokens for the API server itself. */
  readonly audience: string;
  readonly settings: () => KubernetesSettings;
};

/** Media types that the local server speaks, of those that the real one does. */
const JSON_TYPES = /(?:^|,)\s*(?:\*\/\*|application\/(?:json|\*))\s*(?:;|,|$)/;

/** @throws ApiError */
export async function answerRequest(
  deps: ClusterDeps,
  user: UserInfo,
  request: ClusterRequest,
): Promise<ClusterAnswer> {
  const asked = requestInfo(request.method, request.path, request.query);
  const judged = {
    cluster: { id: deps.id, usesAzureRoles: deps.usesAzureRoles, state: deps.document.read() },
    authorization: deps.authorization,
  };
  demand(user, asked, judged);
  if (!asked.isResource) {
    const found = asked.verb === "get" ? discover(request.path.replace(/(?<=.)\/+$/, ""), request.accept) : undefined;
    return found === undefined ? { status: 404, text: "404 page not found\n" } : { status: 200, ...found };
  }
  const resource = findApiResource(asked.group, asked.version, asked.resource);
  if (resource === undefined || asked.isTooLong) {
    if (hasGroupVersion(asked.group, asked.version)) throw unknownResource();
    return { status: 404, text: "404 page not found\n" };
  }
  if (request.accept !== undefined && !JSON_TYPES.test(request.accept)) {
    const message =
      "only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf";
    throw new ApiError(406, "NotAcceptable", message);
  }
  if (!resource.isServed) throw notEmulated(`${asked.verb} ${resource.plural}`);
  if (asked.subresource !== "") return answerSubresource(deps, resource, asked, request);
  if (resource.isReview) {
    if (asked.verb !== "create") throw methodNotAllowed();
    const body = answerReview(resource, parseBody(request.body, request.contentType), user, judged);
    return { status: 201, json: body };
  }
  return answerObjects(deps, resource, asked, request, { user, judged });
}

function answerObjects(
  deps: ClusterDeps,
  resource: ApiResource,
  asked: ResourceRequest,
  request: ClusterRequest,
  { user, judged }: { readonly user: UserInfo; readonly judged: Parameters<typeof judge>[2] },
): ClusterAnswer {
  const { document, now } = deps;
  const { namespace, name } = asked;
  const one = (status: number, object: KubeObject): ClusterAnswer => ({
    status,
    json: asksForTable(request.accept)
      ? tableOf([object], resource.kind, { resourceVersion: object.metadata.resourceVersion }, now())
      : inOrder(object),
  });
  switch (asked.verb) {
    case "get":
      return one(200, getObject(document.read(), resource, namespace, name));
    case "list": {
      const list = listObjects(document.read(), resource, resource.namespaced ? namespace : "", request.query);
      if (asksForTable(request.accept)) {
        return { status: 200, json: tableOf(list.items, resource.kind, list.metadata, now()) };
      }
      // Items of a list do not say what they are: the list does.
      return { status: 200, json: { ...list, items: list.items.map(({ kind, apiVersion, ...rest }) => rest) } };
    }
    case "create": {
      if (name !== "" || (resource.namespaced && namespace === "")) throw methodNotAllowed();
      const wanted = readObject(
        parseBody(request.body, request.contentType),
        resource,
        resource.namespaced ? namespace : "",
      );
      demandNoEscalation(user, resource, asked, wanted, judged);
      return one(201, createObject(deps, resource, namespace, wanted, request.query.has("dryRun")));
    }
    case "delete": {
      const body = request.body.length === 0 ? {} : parseBody(request.body, request.contentType);
      const options = readDeleteOptions(body);
      const dryRun = request.query.getAll("dryRun");
      const { object, isGone } = deleteObject(deps, resource, namespace, name, {
        ...options,
        ...(dryRun.length > 0 ? { dryRun } : {}),
      });
      return isGone && !RETURNS_OBJECT.has(resource.kind)
        ? { status: 200, json: deletedStatus(resource, object) }
        : one(200, object);
    }
    case "update":
    case "patch":
      if (name === "") throw methodNotAllowed();
      if (!resource.isChanged) throw notEmulated(`${asked.verb} ${resource.plural}`);
      return one(200, changeObject(deps, resource, asked, changeOf(asked.verb, request)));
    default:
      throw notEmulated(`${asked.verb} ${resource.plural}`);
  }
}

/** Of these the real server answers a delete with the object. Source: kubernetes, pkg/registry, ReturnDeletedObject. */
const RETURNS_OBJECT = new Set(["Namespace", "Pod", "ServiceAccount"]);

function deletedStatus({ group, plural }: ApiResource, { metadata: { name, uid } }: KubeObject) {
  const details = { name, ...(group === "" ? {} : { group }), kind: plural, uid };
  return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", details };
}
