import { expect, test } from "vitest";
import { type StatusRoutesDeps, statusRoutes } from "../../../functions/status.ts";
import { DeniedError, LimitError } from "../../../shared/errors.ts";
import type { Role } from "../../../shared/principal.ts";
import { ADMIN, NOW_TEXT, now, unavailable } from "../../support/fakes.ts";
import { runtimeOf } from "../../support/fakes-http.ts";

const parts: StatusRoutesDeps = {
  version: "1.2.3",
  now,
  probes: { state: async () => [], vault: async () => "v1" },
  countIrrevocable: async () => 2,
};
const nobody = { verifyCaller: () => Promise.reject(new DeniedError("TOKEN_MISSING", "x")) };

test("health answers without a token and asks nothing of anybody", async () => {
  const { call } = runtimeOf(
    statusRoutes(parts, () => Promise.reject(new Error("asked"))),
    nobody,
  );
  const { status, json } = await call("status-health");
  expect([status, json]).toEqual([200, { status: "ok" }]);
});

test("the API description needs a caller, and is made only when asked for", async () => {
  let made = 0;
  const routes = statusRoutes(parts, async () => ({ made: ++made }));
  expect((await runtimeOf(routes, nobody).call("status-openapi")).status).toBe(401);
  expect(made).toBe(0);
  expect((await runtimeOf(routes).call("status-openapi")).json).toEqual({ made: 1 });
});

test("status: version, clock, what each dependency says, and the leases that could not be ended", async () => {
  const { call } = runtimeOf(statusRoutes(parts, async () => ({})));
  const { status, json } = await call("status-get");
  expect([status, json]).toEqual([
    200,
    {
      version: "1.2.3",
      now: NOW_TEXT,
      dependencies: [
        { name: "state", ok: true, code: null },
        { name: "vault", ok: true, code: null },
      ],
      irrevocableLeases: 2,
    },
  ]);
});

test("status: what is down is named by the code that a request would meet, and the rest is still told", async () => {
  const down = () => Promise.reject(unavailable("STATE_UNAVAILABLE"));
  const broken = { ...parts, probes: { ...parts.probes, state: down }, countIrrevocable: down };
  const { status, json } = await runtimeOf(statusRoutes(broken, async () => ({}))).call("status-get");
  expect([status, json.irrevocableLeases]).toEqual([200, null]);
  expect(json.dependencies).toEqual([
    { name: "state", ok: false, code: "STATE_UNAVAILABLE" },
    { name: "vault", ok: true, code: null },
  ]);
});

test("status: a defect is not taken for a dependency that is down, and nobody without a role is told anything", async () => {
  const defect = { ...parts, probes: { state: () => Promise.reject(new TypeError("ours")) } };
  const miscounted = { ...parts, countIrrevocable: () => Promise.reject(new TypeError("ours")) };
  for (const broken of [defect, miscounted]) {
    expect((await runtimeOf(statusRoutes(broken, async () => ({}))).call("status-get")).status).toBe(500);
  }
  expect(
    (
      await runtimeOf(
        statusRoutes(parts, async () => ({})),
        nobody,
      ).call("status-get")
    ).status,
  ).toBe(401);
});

test.each<[Role, number]>([
  ["Latchkey.Admin", 200],
  ["Latchkey.Auditor", 200],
  ["Latchkey.Approver", 200],
  ["Latchkey.User", 403],
])("status for %s: %d", async (role, status) => {
  const { call } = runtimeOf(
    statusRoutes(parts, async () => ({})),
    { verifyCaller: async () => ({ ...ADMIN, roles: [role] }) },
  );
  expect((await call("status-get")).status).toBe(status);
});

test("status: callers are held to a rate before anything is asked", async () => {
  let asked = 0;
  const probes = { state: async () => ++asked };
  const { call } = runtimeOf(
    statusRoutes({ ...parts, probes }, async () => ({})),
    {
      takeTurn: () => {
        throw new LimitError("RATE_LIMITED", "x", 1);
      },
    },
  );
  expect([(await call("status-get")).status, asked]).toEqual([429, 0]);
});
