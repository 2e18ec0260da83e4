import { expect, test } from "vitest";
import { ADMIN } from "../../support/fakes.ts";
import { jsonRequest, runtimeOf } from "../../support/fakes-http.ts";
import { productRoutes } from "../../support/fakes-routes.ts";

test.each(["", "a\nb", "a\u2028b", "a\u2029b", "a\u0000", "a\ud800", "a".repeat(501), null])(
  "the reason %j is refused, and nothing is on the trail",
  async (reason) => {
    const { routes, audited } = productRoutes();
    const { call } = runtimeOf(routes, { verifyCaller: async () => ADMIN });
    const body = { storageAccount: "accountone", confirm: true, reason };
    const { json } = await call("break-glass-use", jsonRequest(body, { params: { nameOrId: "azure" } }));
    expect(json).toMatchObject({ code: "INVALID_REQUEST", problems: [{ path: "/reason" }] });
    expect(audited).toEqual([]);
  },
);
