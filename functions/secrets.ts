/** HTTP route of vault secrets, in the words of workflow platforms: group, version, how it is mounted. */
import { z } from "zod";
import { chooseConnector } from "../shared/access/choose-connector.ts";
import { issueCredential } from "../shared/credentials/issue.ts";
import { mountOf, secretCredentialRequestSchema, secretVersionSchema } from "../shared/credentials/key-vault-secret.ts";
import { askOf } from "../shared/credentials/request.ts";
import { reasonSchema } from "../shared/credentials/request-fields.ts";
import { nameSchema } from "../shared/names.ts";
import { parse } from "../shared/parse.ts";
import { connectorNameOrIdSchema } from "./connectors.ts";
import { type CredentialRoutesDeps, issuedAnswer, issuedSchema } from "./credentials.ts";
import { nothing, type Route, route } from "./route.ts";

const readSchema = z
  .strictObject({
    group: z.string().min(1).max(1024).describe("https://VAULT.vault.azure.net/secrets/NAME"),
    groupVersion: secretVersionSchema.nullable().default(null).describe("null: the latest"),
    mountRequirement: z.enum(["FILE", "ENV_VAR"]),
    connector: connectorNameOrIdSchema
      .nullable()
      .default(null)
      .describe("null: the only one through which a grant reaches the secret"),
    project: nameSchema,
    domain: nameSchema,
    reason: reasonSchema,
  })
  .meta({ id: "SecretRequest" });

/** Reads a secret through a lease. */
export function secretRoutes(deps: CredentialRoutesDeps): Route[] {
  return [
    route({
      name: "secrets-read",
      method: "POST",
      path: "secrets/read",
      isLimited: true,
      access: ["Latchkey.User"],
      summary: "Read a Key Vault secret through a lease, with how a task finds it",
      params: nothing,
      query: nothing,
      body: readSchema,
      answer: { status: 201, description: "The lease with the value", schema: issuedSchema },
      handle: async ({ body, caller, correlationId }) => {
        const { group, groupVersion, mountRequirement, connector: named, ...rest } = body;
        const request = parse(
          secretCredentialRequestSchema,
          {
            resourceType: "key-vault-secret",
            resourceId: group,
            access: ["read"],
            scope: groupVersion === null ? {} : { version: groupVersion },
            ...rest,
          },
          "body",
        );
        const { connector: _, ...ask } = askOf(request, "");
        const connector = named ?? (await chooseConnector(deps.access, caller, ask));
        const issued = await issueCredential(deps, { ...request, connector }, caller, correlationId);
        return issuedAnswer(201, mounted(issued, mountRequirement));
      },
    }),
  ];
}

function mounted(issued: Awaited<ReturnType<typeof issueCredential>>, requirement: "FILE" | "ENV_VAR") {
  const { credential } = issued;
  if (credential.kind !== "secret") return issued;
  const name = issued.resourceId.slice(issued.resourceId.lastIndexOf("/") + 1);
  return {
    ...issued,
    credential: { ...credential, mount: mountOf(requirement, name) },
    env: requirement === "FILE" ? {} : issued.env,
  };
}
