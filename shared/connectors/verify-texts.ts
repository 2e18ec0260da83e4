/** What people read over the table of a verification: sentences of the field's own tools where they have them. Pure. Used by the routes of connectors. */
import type { Verification } from "./connector.ts";

/** Over the table after verifying. A connector of which nothing works is not called correctly configured. */
export function verifiedText(name: string, { state }: Pick<Verification, "state">): string {
  return state === "failed"
    ? `Service connector '${name}' has no access that works:`
    : `Service connector '${name}' is correctly configured with valid credentials and has access to the following resources:`;
}
