/** What a sign-in may do at an ARM id, as ARM tells it. A part of the connectors' AzureView; joined by arm-resources.ts. */
import { z } from "zod";
import type { AzureView, Permission } from "../connectors/ports.ts";
import { lazy } from "../lazy.ts";
import { type ArmSignIn, brokenList, refuseOtherHosts } from "./arm-list.ts";
import { callAsConnector } from "./upstream.ts";

/** The client of ARM's role assignments has this call for groups and resources alone; the wire has it at any scope. */
const PATH = "/providers/Microsoft.Authorization/permissions?api-version=2022-04-01";

/** A part of an ARM id. What would climb, end or escape in a URL is none. */
const PART = /^(?!\.+$)[-\p{L}\p{N}_.()$]{1,128}$/u;

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
          if (!isArmId(armId)) throw new Error("Not an ARM id.");
          const { getClient, createRestError } = await restModule();
          const { endpoint, ...rest } = options;
          const client = getClient(endpoint, credential, rest);
          const found: Permission[] = [];
          let next: string | null = `${endpoint}${encodeURI(armId)}${PATH}`;
          while (next !== null && next !== "") {
            abortSignal.throwIfAborted();
            const response = await client.pathUnchecked(next).get({ abortSignal });
            if (response.status !== "200") throw createRestError(response);
            const page = pageSchema.safeParse(response.body);
            // Half of what it may do is not what it may do.
            if (!page.success) throw brokenList();
            found.push(...page.data.value);
            next = page.data.nextLink ?? null;
            refuseOtherHosts(next, endpoint);
          }
          return found;
        },
      ),
  };
}

function isArmId(text: string): boolean {
  const [root, subscriptions, ...parts] = text.split("/");
  return root === "" && subscriptions === "subscriptions" && parts.length > 0 && parts.every((part) => PART.test(part));
}
