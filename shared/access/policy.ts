/** What policy is made of: memberships (who works where) and grants (what a place may reach). Pure. */
import { z } from "zod";
import { nameSchema } from "../names.ts";
import { scopeSchema } from "../scope.ts";

/** `*` stands for every project or domain: the global arrangement. */
const placeSchema = z.union([nameSchema, z.literal("*")]);
/** Longest life that a grant can give: the longest of any form. */
const MAX_TTL_SECONDS = 86_400;

/** How a membership names a principal. GitHub repositories go by numeric id: names can be taken over. */
export const principalNameSchema = z
  .string()
  .max(300)
  .regex(
    /^(?:group:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?:user|app):[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|github:[0-9]{1,20}|workload:[a-z0-9][a-z0-9-]{0,62}\/[!-~]{1,255})$/,
    "expected group:<oid>, user:<tenant>/<oid>, app:<tenant>/<oid>, github:<repository id> or workload:<issuer>/<sub>",
  );

/** Body of `PUT /memberships/{name}`: these principals execute in this project and domain. */
export const membershipSchema = z
  .strictObject({
    principals: z.array(principalNameSchema).min(1).max(100),
    project: placeSchema,
    domain: placeSchema,
  })
  .meta({ id: "Membership" });
/** See membershipSchema. */
export type Membership = z.output<typeof membershipSchema>;

/** Body of `PUT /grants/{name}`: this project and domain reach this resource through this connector. */
export const grantSchema = z
  .strictObject({
    effect: z.enum(["allow", "deny"]).default("allow"),
    connector: z.union([nameSchema, z.literal("*")]).describe("* only in a deny"),
    resourceId: z
      .string()
      .min(1)
      .max(1024)
      .describe(
        "canonical id. In a deny also a subscription, resource group, storage account or vault with all below it, or *. The id of a vault's secret is its URL, in which no subscription stands: a deny of a subscription or resource group does not reach the secrets of vaults in it. Deny the vault as well (https://VAULT.vault.azure.net)",
      ),
    scope: scopeSchema
      .default({})
      .describe(
        "an allow of azure-generic names the audience, one of docker-registry the repositories (names, prefix/* or *), one of kubernetes-cluster the namespace unless all of its forms are for the whole cluster; a deny forbids whatever the scope and the form",
      ),
    access: z
      .array(z.string().min(1).max(20))
      .min(1)
      .max(10)
      .describe("in a deny: any of these in a request is refused, and every token that could be used on the resource"),
    forms: z.array(z.string().min(1).max(30)).max(10).default([]).describe("empty: the default form of the type"),
    project: placeSchema,
    domain: placeSchema,
    maxTtlSeconds: z.int().min(1).max(MAX_TTL_SECONDS).default(3600),
    expiresAt: z.iso.datetime().nullable().default(null),
  })
  .refine((grant) => grant.effect === "deny" || (grant.connector !== "*" && grant.resourceId !== "*"), {
    message: "an allow names one connector and one resource",
  })
  .meta({ id: "Grant" });
/** See grantSchema. */
export type Grant = z.output<typeof grantSchema>;

/** All policy at one moment, by name. */
export type Policy = {
  readonly memberships: ReadonlyMap<string, Membership>;
  readonly grants: ReadonlyMap<string, Grant>;
};
