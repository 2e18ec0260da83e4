import { expect, test } from "vitest";
import { statusRoutes } from "../../../functions/status.ts";
import { DeniedError } from "../../../shared/errors.ts";
import { runtimeOf } from "../../support/fakes-http.ts";

const nobody = { verifyCaller: () => Promise.reject(new DeniedError("TOKEN_MISSING", "x")) };

test("health answers without a token and asks nothing of anybody", async () => {
  const { call } = runtimeOf(
    statusRoutes(() => Promise.reject(new Error("asked"))),
    nobody,
  );
  const { status, json } = await call("status-health");
  expect([status, json]).toEqual([200, { status: "ok" }]);
});

test("the API description needs a caller, and is made only when asked for", async () => {
  let made = 0;
  const routes = statusRoutes(async () => ({ made: ++made }));
  expect((await runtimeOf(routes, nobody).call("status-openapi")).status).toBe(401);
  expect(made).toBe(0);
  expect((await runtimeOf(routes).call("status-openapi")).json).toEqual({ made: 1 });
});
