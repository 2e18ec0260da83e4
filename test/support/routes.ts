/** Every route of the API, with the roles that may call it and a call that comes past its role. For e2e tests. */
import { ARTIFACTS } from "./policy.ts";

const ADMIN = "Latchkey.Admin";
const AUDITOR = "Latchkey.Auditor";
const APPROVER = "Latchkey.Approver";
const USER = "Latchkey.User";

/** One call: method, path below `/api/` with its parameters filled in, and a body where the route takes one. */
export type RouteCall = {
  /** Name in the API description. */
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly roles: readonly string[];
  readonly body?: unknown;
};

const NAME = "route-matrix";
const LEASE = `leases/${"0".repeat(12)}-${"a".repeat(26)}`;
const POLICIES = "registries/demozenmlcontainerregistry.azurecr.io/purge-policies";
/** Of no run. */
const RUN = `purge-runs/${"0".repeat(13)}-aaaaaa`;
const REQUEST = { resourceType: "blob-container", resourceId: ARTIFACTS, access: ["read"] };

/** Bodies are empty where a good one would change something: what is in them is looked at after the role. */
export const ROUTE_CALLS: readonly RouteCall[] = [
  { name: "access-explain", method: "POST", path: "access/explain", roles: [USER, ADMIN, AUDITOR], body: {} },
  ...["grant", "membership"].flatMap((kind) => [
    { name: `access-${kind}s-list`, method: "GET", path: `${kind}s`, roles: [ADMIN, AUDITOR] },
    { name: `access-${kind}-get`, method: "GET", path: `${kind}s/${NAME}`, roles: [ADMIN, AUDITOR] },
    { name: `access-${kind}-put`, method: "PUT", path: `${kind}s/${NAME}`, roles: [ADMIN], body: {} },
    { name: `access-${kind}-delete`, method: "DELETE", path: `${kind}s/${NAME}`, roles: [ADMIN] },
  ]),
  { name: "audit-list", method: "GET", path: "audit?limit=1", roles: [AUDITOR] },
  { name: "break-glass-use", method: "POST", path: `connectors/${NAME}/break-glass`, roles: [ADMIN], body: {} },
  { name: "connector-verify-request", method: "POST", path: "connectors/verify", roles: [ADMIN], body: {} },
  { name: "connector-verify-stored", method: "POST", path: `connectors/${NAME}/verify`, roles: [ADMIN] },
  { name: "connector-types-list", method: "GET", path: "connector-types", roles: [ADMIN, APPROVER, AUDITOR, USER] },
  {
    name: "connector-types-get",
    method: "GET",
    path: "connector-types/azure",
    roles: [ADMIN, APPROVER, AUDITOR, USER],
  },
  { name: "connectors-create", method: "POST", path: "connectors", roles: [ADMIN], body: {} },
  { name: "connectors-get", method: "GET", path: `connectors/${NAME}`, roles: [ADMIN, USER] },
  { name: "connectors-list", method: "GET", path: "connectors?limit=1", roles: [ADMIN, USER] },
  { name: "connectors-update", method: "PATCH", path: `connectors/${NAME}`, roles: [ADMIN], body: {} },
  { name: "connectors-delete", method: "DELETE", path: `connectors/${NAME}`, roles: [ADMIN] },
  {
    name: "credentials-issue",
    method: "POST",
    path: `connectors/${NAME}/credentials`,
    roles: [USER, ADMIN],
    body: REQUEST,
  },
  { name: "identities-list", method: "GET", path: `identities?connector=${NAME}`, roles: [ADMIN] },
  { name: "purge-policies-list", method: "GET", path: POLICIES, roles: [ADMIN, AUDITOR] },
  { name: "purge-policies-get", method: "GET", path: `${POLICIES}/${NAME}`, roles: [ADMIN, AUDITOR] },
  { name: "purge-policies-put", method: "PUT", path: `${POLICIES}/${NAME}`, roles: [ADMIN], body: {} },
  { name: "purge-policies-delete", method: "DELETE", path: `${POLICIES}/${NAME}`, roles: [ADMIN] },
  { name: "purge-policies-import", method: "POST", path: `${POLICIES}/import`, roles: [ADMIN], body: {} },
  { name: "purge-policies-plan", method: "POST", path: `${POLICIES}/${NAME}/plan`, roles: [ADMIN] },
  { name: "purge-policies-run", method: "POST", path: `${POLICIES}/${NAME}/runs`, roles: [ADMIN], body: {} },
  { name: "purge-runs-list", method: "GET", path: "purge-runs?limit=1", roles: [ADMIN, AUDITOR] },
  { name: "purge-runs-get", method: "GET", path: RUN, roles: [ADMIN, AUDITOR] },
  { name: "purge-runs-items", method: "GET", path: `${RUN}/items`, roles: [ADMIN, AUDITOR] },
  { name: "purge-runs-cancel", method: "POST", path: `${RUN}/cancel`, roles: [ADMIN] },
  { name: "resources-of", method: "GET", path: `connectors/${NAME}/resources`, roles: [ADMIN, USER] },
  { name: "resources-list", method: "GET", path: "resources?limit=1", roles: [ADMIN, USER] },
  { name: "leases-get", method: "GET", path: LEASE, roles: [USER, AUDITOR, ADMIN] },
  { name: "leases-list", method: "GET", path: "leases?limit=1", roles: [USER, AUDITOR, ADMIN] },
  { name: "leases-renew", method: "POST", path: `${LEASE}/renew`, roles: [USER], body: {} },
  { name: "leases-revoke", method: "DELETE", path: LEASE, roles: [USER, ADMIN] },
  { name: "secrets-read", method: "POST", path: "secrets/read", roles: [USER], body: {} },
  { name: "status-get", method: "GET", path: "status", roles: [ADMIN, AUDITOR, APPROVER] },
  { name: "status-openapi", method: "GET", path: "openapi.json", roles: [ADMIN] },
];
