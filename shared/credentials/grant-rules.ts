/** Whether a grant fits the resource type that its canonical id has. Pure. Joined to policy by functions/main.ts. */
import type { ResourceType } from "../connectors/ports.ts";
import type { InputProblem } from "../errors.ts";
import { TOKEN_ACCESS } from "./arm-token.ts";
import { REGISTRY_TTL } from "./docker-registry.ts";
import { CLUSTER_TTL } from "./kubernetes-cluster.ts";
import { FORMS, isWholeForm, RIGHTS, TYPE_RULES } from "./request.ts";

/** A grant, as far as its type has a say in it. */
export type GrantToCheck = {
  readonly effect: "allow" | "deny";
  readonly resourceId: string;
  readonly access: readonly string[];
  readonly forms: readonly string[];
  readonly scope: Readonly<Record<string, unknown>>;
  readonly maxTtlSeconds: number;
};
/** Type and canonical id of a full id; null for anything else. */
export type ExactResource = (text: string) => { resourceType: ResourceType; resourceId: string } | null;

const CONTAINER = "/blobServices/default/containers/any";
const ACCOUNT = "/providers/Microsoft.Storage/storageAccounts/any";
const REGISTRY = "/providers/Microsoft.ContainerRegistry/registries/anyregistry";
const CLUSTER = "/providers/Microsoft.ContainerService/managedClusters/any";
/**
 * How the ids of a type go on below each place at which a deny may stand: what becomes an id of the type with one of
 * these behind it stands above resources of the type. Anything else could never deny, in silence.
 */
const BELOW: Readonly<Record<ResourceType, readonly string[]>> = {
  "blob-container": [CONTAINER, `${ACCOUNT}${CONTAINER}`, `/resourceGroups/any${ACCOUNT}${CONTAINER}`],
  "key-vault-secret": ["/secrets/any"],
  "docker-registry": [REGISTRY, `/resourceGroups/any${REGISTRY}`],
  "kubernetes-cluster": [CLUSTER, `/resourceGroups/any${CLUSTER}`],
  // A subscription is itself what stands above.
  "azure-generic": [""],
};

/** Where a grant does not fit; empty when it does. */
export function grantProblems(grant: GrantToCheck, exactResource: ExactResource): InputProblem[] {
  const { effect, resourceId, access, forms } = grant;
  const type = typeOf(resourceId, exactResource);
  if (effect === "allow") return type === null ? [NO_RESOURCE] : allowProblems(grant, type);
  if (type !== null && type !== "azure-generic") return denyProblems(grant, type);
  const types = resourceId === "*" ? null : typesBelow(resourceId, exactResource);
  if (types?.length === 0) return [NOTHING_BELOW];
  const rights = types === null ? RIGHTS : types.flatMap((each): readonly string[] => TYPE_RULES[each].access);
  return [...listed("/access", access, withTokens(rights)), ...listed("/forms", forms, FORMS)];
}

const NO_RESOURCE: InputProblem = {
  path: "/resourceId",
  expected: "the canonical id of a resource: an ARM id, or the URL of a secret without version",
};
const NOTHING_BELOW: InputProblem = {
  path: "/resourceId",
  expected:
    "the canonical id of a resource, or of a subscription, resource group, storage account or vault above it, without a slash at the end, or *",
};

/** The type of a canonical id; null for anything else. */
function typeOf(id: string, exactResource: ExactResource): ResourceType | null {
  const exact = exactResource(id);
  // Ids of resources are plain ASCII: other letters may fold to these, and would be another's.
  if (exact === null || !/^[!-~]+$/.test(id) || !isSameText(exact.resourceId, id)) return null;
  const [subscription] = /^\/subscriptions\/[^/]+/i.exec(id) ?? [];
  if (subscription !== undefined && exactResource(subscription)?.resourceType !== "azure-generic") return null;
  return exact.resourceType;
}

/** Types of which something could stand below. */
function typesBelow(id: string, exactResource: ExactResource): ResourceType[] {
  const tails = Object.values(BELOW).flat();
  return [...new Set(tails.map((tail) => typeOf(`${id}${tail}`, exactResource)).filter((type) => type !== null))];
}

function allowProblems(grant: GrantToCheck, type: ResourceType): InputProblem[] {
  const { access, forms, scope } = grant;
  const rules = TYPE_RULES[type];
  return [
    ...listed("/access", access, rules.access),
    ...listed("/forms", forms, rules.forms),
    // As in a request: what that must name, the grant must name. One that left out the audience would give them all.
    ...(rules.scope.safeParse(scope).success ? [] : [{ path: "/scope", expected: scopeText(type) }]),
    ...wholeProblems(grant, type),
    ...loginProblems(grant, type),
    ...clusterProblems(grant, type),
  ];
}

/** What cannot be limited is not lent by a grant that limits: one with such forms alone would never give anything. */
function wholeProblems({ forms, scope }: GrantToCheck, type: ResourceType): InputProblem[] {
  if (forms.length === 0 || !forms.every(isWholeForm)) return [];
  const { repositories, namespace } = scope;
  const list = forms.join(", ");
  if (type === "docker-registry" && Array.isArray(repositories) && !repositories.includes("*")) {
    return [{ path: "/scope/repositories", expected: `*: ${list} cannot be limited to repositories` }];
  }
  return namespace === undefined
    ? []
    : [{ path: "/scope/namespace", expected: `nothing: ${list} cannot be limited to a namespace` }];
}

/** A login lives for five minutes at least. */
function loginProblems({ forms, maxTtlSeconds }: GrantToCheck, type: ResourceType): InputProblem[] {
  const isLoginAlone = type === "docker-registry" && forms.length > 0 && forms.every((form) => form === "docker-login");
  if (!isLoginAlone || maxTtlSeconds >= REGISTRY_TTL.min) return [];
  return [{ path: "/maxTtlSeconds", expected: `at least ${REGISTRY_TTL.min}, for the form docker-login` }];
}

/**
 * As with repositories: a grant gives no namespace that it does not name. The right `admin` and the form of that name
 * belong together, and a token of a cluster lives ten minutes at least.
 */
function clusterProblems({ access, forms, scope, maxTtlSeconds }: GrantToCheck, type: ResourceType): InputProblem[] {
  if (type !== "kubernetes-cluster") return [];
  const given = forms.length === 0 ? [TYPE_RULES[type].forms[0]] : forms;
  const problems: InputProblem[] = [];
  const needsNamespace = given.some((form) => form === "service-account");
  if (needsNamespace && scope.namespace === undefined) {
    problems.push({ path: "/scope/namespace", expected: "the namespace, for the form service-account" });
  }
  if (given.every((form) => form === "admin") && !access.includes("admin")) {
    problems.push({ path: "/access", expected: "admin, for the form admin" });
  }
  if (access.every((right) => right === "admin") && !given.includes("admin")) {
    problems.push({ path: "/forms", expected: "admin, for the right admin" });
  }
  if (given.every((form) => form === "service-account") && maxTtlSeconds < CLUSTER_TTL.min) {
    problems.push({ path: "/maxTtlSeconds", expected: `at least ${CLUSTER_TTL.min}, for the form service-account` });
  }
  return problems;
}

function denyProblems({ access, forms, scope }: GrantToCheck, type: ResourceType): InputProblem[] {
  const rules = TYPE_RULES[type];
  return [
    ...listed("/access", access, withTokens(rules.access)),
    ...listed("/forms", forms, rules.forms),
    ...(rules.scope.partial().safeParse(scope).success ? [] : [{ path: "/scope", expected: scopeText(type) }]),
  ];
}

/** A deny stops tokens that reach what it stands on, so it may be about them alone. */
function withTokens(rights: readonly string[]): readonly string[] {
  return [...new Set([...rights, ...TOKEN_ACCESS])];
}

function scopeText(type: ResourceType): string {
  const members = Object.keys(TYPE_RULES[type].scope.shape);
  return members.length === 0 ? `no member for ${type}` : `${members.join(", ")} alone for ${type}`;
}

function listed(path: string, values: readonly string[], known: readonly string[]): InputProblem[] {
  return values.every((value) => known.includes(value)) ? [] : [{ path, expected: `of ${known.join(", ")}` }];
}

function isSameText(left: string, right: string): boolean {
  return left.toLowerCase() === right.toLowerCase();
}
