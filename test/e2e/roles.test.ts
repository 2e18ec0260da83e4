/** Which role opens which route: every route, as every user and application of the seed that may call. */
import { expect, it } from "vitest";
import { createApi } from "../support/api.ts";
import { ROUTE_CALLS } from "../support/routes.ts";
import { sharedSystem } from "../support/shared-system.ts";

const system = sharedSystem();
const api = createApi(system);

it("every route that needs one is in the table", async () => {
  const { body } = await api.call<{
    paths: Record<string, Record<string, { operationId: string; security: unknown[] }>>;
  }>("GET", "openapi.json");
  const described = Object.values(body.paths).flatMap((methods) => Object.values(methods));
  const names = described.filter(({ security }) => security.length > 0).map(({ operationId }) => operationId);
  expect(names.sort()).toEqual(ROUTE_CALLS.map(({ name }) => name).sort());
});

const WHO = ["admin", "scientist", "auditor", "veteran", "platform-automation", "stranger"];
it.each(WHO)("%s comes through exactly where one of its roles is asked for", async (who) => {
  const token = await api.tokenOf(who);
  const assigned = system.seed.appRoleAssignments.filter(({ principal }) => principal.split("@")[0] === who);
  const roles = assigned.map(({ role }) => role);
  const answers = await Promise.all(
    ROUTE_CALLS.map(async ({ name, method, path, body }) => {
      const answer = await api.call(method, path, { token, body });
      expect(answer.status, answer.text).not.toBe(401);
      expect(answer.status, answer.text).toBeLessThan(500);
      return `${name} ${answer.body?.code === "ROLE_REQUIRED" ? "refused" : "let in"}`;
    }),
  );
  const wanted = ROUTE_CALLS.map(
    ({ name, roles: open }) => `${name} ${open.some((role) => roles.includes(role)) ? "let in" : "refused"}`,
  );
  expect(answers).toEqual(wanted);
});
