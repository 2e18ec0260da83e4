/** What a sign-in may do at an ARM id, as ARM tells it. A part of the connectors' AzureView; joined by arm-resources.ts. */
import { z } from "zod";
import type { AzureView, Permission } from "../connectors/ports.ts";
import { lazy } from "../lazy.ts";
import type { ArmSignIn } from "./arm-list.ts";
import { BrokenAnswerError } from "./broken-answers.ts";
import { callAsConnector } from "./upstream.ts";

/** The client of ARM's role assignments has this call for groups and resources alone; the wire has it at any scope. */
const PATH = "/providers/Microsoft.Authorization/permissions?api-version=2022-04-01";

const patterns = z
  .array(z.string())
  .nullish()
  .transform((texts) => texts ?? []);
const pageSchema = z.object({
  value: z.array(
    z.object({ actions: patterns, notActions: patterns, dataActions: patterns, notDataActions: patterns }),
  ),
  nextLink: z.string().nullish(),
});

const restModule = lazy(() => import("@azure-rest/core-client"));

/** What a sign-in may do. */
export function openPermissions({ credential, options }: ArmSignIn): Pick<AzureView, "permissions"> {
  return {
    permissions: (armId) =>
      callAsConnector(
        "read its own permissions",
        "Grant the connector's identity a role there.",
        async (abortSignal) => {
          const { getClient, createRestError } = await restModule();
          const { endpoint, ...rest } = options;
          const client = getClient(endpoint, credential, rest);
          const found: Permission[] = [];
          let next: string | null = `${endpoint}${armId}${PATH}`;
          while (next !== null && next !== "") {
            abortSignal.throwIfAborted();
            const response = await client.pathUnchecked(next).get({ abortSignal });
            if (response.status !== "200") throw createRestError(response);
            const page = pageSchema.safeParse(response.body);
            // Half of what it may do is not what it may do.
            if (!page.success) throw new BrokenAnswerError({ status: 502, headers: new Map() });
            found.push(...page.data.value);
            next = page.data.nextLink ?? null;
          }
          return found;
        },
      ),
  };
}
