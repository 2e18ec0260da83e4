import { expect, test } from "vitest";
import {
  consentMissing,
  errorBody,
  tenantNotFound,
  tenantNotFoundForToken,
} from "../../../../../infra/local/azure/entra/errors.ts";

const stamp = {
  traceId: "5b265564-6291-411b-8a78-611893781c00",
  correlationId: "fc8d1d37-6c1f-4ce4-9242-8b2a8b490e08",
  at: new Date("2023-08-03T00:46:25.789Z"),
};

test("an error has the members, the order and the CRLF lines of the live service", () => {
  // What the live service answered, as Microsoft's own test suite recorded it: 660 bytes.
  const body = JSON.stringify(errorBody(tenantNotFound("tenant"), stamp));
  expect(body).toHaveLength(660);
  expect(JSON.parse(body)).toEqual({
    error: "invalid_tenant",
    error_description:
      "AADSTS90002: Tenant 'tenant' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.\r\nTrace ID: 5b265564-6291-411b-8a78-611893781c00\r\nCorrelation ID: fc8d1d37-6c1f-4ce4-9242-8b2a8b490e08\r\nTimestamp: 2023-08-03 00:46:25Z",
    error_codes: [90002],
    timestamp: "2023-08-03 00:46:25Z",
    trace_id: "5b265564-6291-411b-8a78-611893781c00",
    correlation_id: "fc8d1d37-6c1f-4ce4-9242-8b2a8b490e08",
    error_uri: "https://login.microsoftonline.com/error?code=90002",
  });
});

test("a suberror stands only where there is one", () => {
  expect(errorBody(consentMissing("id", "name"), stamp)).toHaveProperty("suberror", "consent_required");
  expect(errorBody(tenantNotFound("tenant"), stamp)).not.toHaveProperty("suberror");
});

test.each([
  ["11111111-2222-4333-8444-555555555555", 90002],
  ["nobody.onmicrosoft.com", 90002],
  ["authorize", 900023],
  ["{{tenantid}}", 900023],
])("the token endpoint refuses tenant %s with %i", (tenant, code) => {
  const error = tenantNotFoundForToken(tenant);
  expect([error.status, error.error, error.code]).toEqual([400, "invalid_request", code]);
});
