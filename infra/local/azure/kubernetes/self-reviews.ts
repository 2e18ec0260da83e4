/** What users ask about themselves: may I, what may I, who am I. Called by kubernetes.ts. */
import { z } from "zod";
import { type ApiResource, apiVersionOf } from "./api-resources.ts";
import { badRequest, invalid } from "./api-status.ts";
import { judge } from "./authorize.ts";
import { invalidValue } from "./object-names.ts";
import { rulesFor } from "./rbac.ts";
import type { RequestInfo } from "./request-info.ts";
import { MASTERS_GROUP, type UserInfo } from "./user-info.ts";

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? "");
const accessSchema = z.looseObject({
  spec: z.looseObject({
    resourceAttributes: z
      .looseObject({
        namespace: text,
        verb: text,
        group: text,
        version: text,
        resource: text,
        subresource: text,
        name: text,
      })
      .nullish(),
    nonResourceAttributes: z.looseObject({ path: text, verb: text }).nullish(),
  }),
});
const rulesSchema = z.looseObject({ spec: z.looseObject({ namespace: text }) });

/** @throws ApiError 400 or 422 when the question cannot be read */
export function answerReview(
  resource: ApiResource,
  value: unknown,
  user: UserInfo,
  deps: Parameters<typeof judge>[2],
): unknown {
  const head = { kind: resource.kind, apiVersion: apiVersionOf(resource), metadata: {} };
  switch (resource.kind) {
    case "SelfSubjectAccessReview": {
      const { spec, asked } = accessQuestion(resource, value);
      const { allowed, reason } = judge(user, asked, deps);
      return { ...head, spec, status: { allowed, ...(reason === "" ? {} : { reason }) } };
    }
    case "SelfSubjectRulesReview": {
      const parsed = rulesSchema.safeParse(value);
      if (!parsed.success) throw badRequest("SelfSubjectRulesReview cannot be read");
      const { namespace } = parsed.data.spec;
      if (namespace === "") throw badRequest("no namespace on request");
      return { ...head, spec: { namespace }, status: rulesAnswer(user, namespace, deps) };
    }
    default: {
      const { username, uid, groups, extra } = user;
      const userInfo = { username, ...(uid === undefined ? {} : { uid }), groups, ...(extra && { extra }) };
      return { ...head, status: { userInfo } };
    }
  }
}

function accessQuestion(resource: ApiResource, value: unknown): { spec: unknown; asked: RequestInfo } {
  const parsed = accessSchema.safeParse(value);
  if (!parsed.success) throw badRequest("SelfSubjectAccessReview cannot be read");
  const { spec } = parsed.data;
  const { resourceAttributes: about, nonResourceAttributes: path } = spec;
  if ((about == null) === (path == null)) {
    const why = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
    throw invalid(resource, "", [invalidValue("spec.resourceAttributes", about ?? null, why)]);
  }
  if (path != null) return { spec, asked: { isResource: false, verb: path.verb, path: path.path } };
  const { verb = "", group = "", version = "", namespace = "", subresource = "", name = "" } = about ?? {};
  return {
    spec,
    asked: {
      isResource: true,
      verb,
      group,
      version,
      namespace,
      resource: about?.resource ?? "",
      subresource,
      name,
      isTooLong: false,
    },
  };
}

function rulesAnswer(user: UserInfo, namespace: string, { cluster }: Parameters<typeof judge>[2]) {
  const everything = { verbs: ["*"], apiGroups: ["*"], resources: ["*"], resourceNames: [], nonResourceURLs: [] };
  const everyPath = { verbs: ["*"], apiGroups: [], resources: [], resourceNames: [], nonResourceURLs: ["*"] };
  const rules = user.groups.includes(MASTERS_GROUP)
    ? [everything, everyPath]
    : rulesFor(cluster.state, user, namespace).map(({ rule }) => rule);
  return {
    resourceRules: rules
      .filter(({ resources }) => resources.length > 0)
      .map(({ verbs, apiGroups, resources, resourceNames }) => ({
        verbs,
        apiGroups,
        resources,
        ...(resourceNames.length > 0 ? { resourceNames } : {}),
      })),
    nonResourceRules: rules
      .filter(({ nonResourceURLs }) => nonResourceURLs.length > 0)
      .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
    // What an outside authorizer allows cannot be told.
    incomplete: cluster.usesAzureRoles,
    ...(cluster.usesAzureRoles ? { evaluationError: "webhook authorizer does not support user rule resolution" } : {}),
  };
}
