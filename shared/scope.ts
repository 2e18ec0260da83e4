/** Limits inside a resource, and how they are written: of grants, requests and leases. Pure. */
import { z } from "zod";

/** Most repositories in one scope: one token names them all, and a registry's scope map takes 500 lines. */
export const MAX_REPOSITORIES = 50;
/** Longest name of a repository, in characters. Source: the OCI distribution specification, with 255 for host and name. */
const MAX_REPOSITORY_LENGTH = 255;
/** One part of a repository's name. Source: the OCI distribution specification. */
const PART = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const NAME = new RegExp(`^${PART}(?:/${PART})*$`);
const PATTERN = new RegExp(`^(?:\\*|${PART}(?:/${PART})*(?:/\\*)?)$`);
/** Name of a namespace: a DNS label. Source: the Kubernetes documentation, object names. */
const NAMESPACE = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;

const isOnce = (items: readonly string[]) => new Set(items).size === items.length;
const listOf = (item: z.ZodString) => z.array(item).min(1).max(MAX_REPOSITORIES).refine(isOnce, "each once");

/** Exact name of a repository: lower case, no host, no tag. */
export const repositoryNameSchema = z
  .string()
  .max(MAX_REPOSITORY_LENGTH)
  .regex(NAME, "a repository's name in lower case, without host and tag");
/** Exact names of repositories, as a request has them. */
export const repositoriesSchema = listOf(repositoryNameSchema);
/** The same for a grant, which may also say `prefix/*` or `*`. */
export const repositoryPatternsSchema = listOf(
  z.string().max(MAX_REPOSITORY_LENGTH).regex(PATTERN, "a repository's name, prefix/* or *"),
);
/** A namespace of a cluster. */
export const namespaceSchema = z.string().regex(NAMESPACE, "a namespace: lower-case letters, digits and hyphens");

/** Limits inside a resource; which members a resource type takes is checked where the grant is saved. */
export const scopeSchema = z.strictObject({
  /** azure-generic: the audience of the token. */
  audience: z.string().min(1).max(200).optional(),
  /** key-vault-secret: the only version. */
  version: z.string().min(1).max(127).optional(),
  /** docker-registry: names, in a grant also `prefix/*` or `*`. */
  repositories: repositoryPatternsSchema.optional(),
  /** kubernetes-cluster: the only namespace. */
  namespace: namespaceSchema.optional(),
});
type Written = z.output<typeof scopeSchema>;
/** See scopeSchema. */
export type Scope = Readonly<Omit<Written, "repositories">> & {
  readonly repositories?: readonly string[] | undefined;
};

/** A scope for an answer, whose schema is not about what may be changed. */
export function writtenScope({ repositories, ...others }: Scope): Written {
  return repositories === undefined ? others : { ...others, repositories: [...repositories] };
}

/** Whether a name, `prefix/*` or `*` means this repository. Names are compared as they stand: they are lower case. */
export function matchesRepository(pattern: string, name: string): boolean {
  if (pattern === "*") return true;
  return pattern.endsWith("/*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

/** Whether it names one repository for certain. */
export function isExactRepository(pattern: string): boolean {
  return !pattern.endsWith("*");
}
