/** Mirrors infra/local/faults.ts: which rule hits which request. What happens then is in test/contract/faults.test.ts. */
import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { expect, test } from "vitest";
import { createFaults, type FaultRule, faultRuleSchema } from "../../../infra/local/faults.ts";
import { createRequestLog } from "../../../infra/local/request-log.ts";
import type { Service } from "../../../infra/local/service.ts";

const service: Service = {
  name: "storage",
  hosts: /^a\.blob\.core\.windows\.net$/,
  handle: (_request, response) => void response.end(),
  errorBody: (_request, { code }) => ({ headers: { "content-type": "text/plain" }, body: code }),
};

function send(rules: Partial<FaultRule>[], method = "PUT", url = "/c/b?comp=block&blockid=x") {
  const faults = createFaults({ log: createRequestLog(), now: () => new Date(0) });
  for (const rule of rules) faults.add(faultRuleSchema.parse(rule));
  const request = new IncomingMessage(new Socket());
  Object.assign(request, { method, url });
  const response = new ServerResponse(request);
  let passed = false;
  faults.intercept(service, "a.blob.core.windows.net", request, response, () => {
    passed = true;
  });
  return { passed, status: response.statusCode, hits: faults.list().map((rule) => rule.hits) };
}

test.each([
  ["the service", { service: "storage" }],
  ["the host", { host: "A.blob.core.windows.net" }],
  ["the method in any case", { method: "put" }],
  ["a pattern in the path", { path: "^/c/" }],
  ["a pattern in the query", { path: "COMP=block&" }],
  ["nothing", {}],
])("intercept: a rule on %s hits", (_what, condition) => {
  expect(send([{ ...condition, status: 503 }])).toEqual({ passed: false, status: 503, hits: [1] });
});

test.each([
  ["service", { service: "arm" }],
  ["host", { host: "b.blob.core.windows.net" }],
  ["method", { method: "GET" }],
  ["path", { path: "^c/" }],
  ["path, although the method fits", { method: "PUT", path: "comp=list" }],
])("intercept: a rule on another %s does not", (_what, condition) => {
  expect(send([{ ...condition, status: 503 }])).toEqual({ passed: true, status: 200, hits: [0] });
});

test("intercept: of two rules that match only the first hits", () => {
  expect(send([{ status: 503 }, { status: 500 }])).toEqual({ passed: false, status: 503, hits: [1, 0] });
});
