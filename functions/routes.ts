/** All routes of the app, in one list: registered by main.ts, described by openapi.ts. */

import { lazy } from "../shared/lazy.ts";
import { type AccessRoutesDeps, accessRoutes } from "./access.ts";
import { type AuditRoutesDeps, auditRoutes } from "./audit.ts";
import { type BreakGlassRoutesDeps, breakGlassRoutes } from "./break-glass.ts";
import { connectorTypeRoutes } from "./connector-types.ts";
import { connectorVerifyRoutes } from "./connector-verify.ts";
import { type ConnectorRoutesDeps, connectorRoutes } from "./connectors.ts";
import { type CredentialRoutesDeps, credentialRoutes } from "./credentials.ts";
import { identityRoutes } from "./identities.ts";
import { leaseRoutes } from "./leases.ts";
import { describeApi } from "./openapi.ts";
import { type PurgePolicyRoutesDeps, purgePolicyRoutes } from "./purge-policies.ts";
import { type PurgeRunRoutesDeps, purgeRunRoutes } from "./purge-runs.ts";
import { type ResourceRoutesDeps, resourceRoutes } from "./resources.ts";
import type { Route } from "./route.ts";
import { secretRoutes } from "./secrets.ts";
import { type StatusRoutesDeps, statusRoutes } from "./status.ts";

/** What the handlers need; nothing of it is used before a call arrives. */
export type AppDeps = {
  readonly connectors: ConnectorRoutesDeps;
  readonly resources: ResourceRoutesDeps;
  readonly credentials: CredentialRoutesDeps;
  readonly breakGlass: BreakGlassRoutesDeps;
  readonly access: Omit<AccessRoutesDeps, "connectorName">;
  readonly purge: PurgePolicyRoutesDeps & PurgeRunRoutesDeps;
  readonly audit: AuditRoutesDeps;
  readonly status: StatusRoutesDeps;
};

/** Every route that the app serves. */
export function appRoutes(deps: AppDeps): Route[] {
  const routes: Route[] = [
    ...connectorRoutes(deps.connectors),
    ...connectorVerifyRoutes(deps.connectors),
    ...connectorTypeRoutes(),
    ...identityRoutes(deps.connectors),
    ...resourceRoutes(deps.resources),
    ...credentialRoutes(deps.credentials),
    ...secretRoutes(deps.credentials),
    ...leaseRoutes(deps.credentials),
    ...breakGlassRoutes(deps.breakGlass),
    ...accessRoutes({ ...deps.access, connectorName: deps.credentials.connectorName }),
    ...purgePolicyRoutes(deps.purge),
    ...purgeRunRoutes(deps.purge),
    ...auditRoutes(deps.audit),
    ...statusRoutes(
      deps.status,
      lazy(() => describeApi(routes, deps.status.version)),
    ),
  ];
  return routes;
}
