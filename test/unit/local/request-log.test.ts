/** Mirrors infra/local/request-log.ts. */
import { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import { expect, test } from "vitest";
import { createRequestLog, describeRequest, type LoggedRequest } from "../../../infra/local/request-log.ts";

function describe(method: string, url: string) {
  const request = new IncomingMessage(new Socket());
  Object.assign(request, { method, url });
  return describeRequest(request);
}

test("describeRequest: shows values that name the operation and hides every other", () => {
  expect(describe("GET", "/c?restype=container&comp=list&sig=s%2Be&api%2Dversion=7.5&prefix=?a")).toEqual({
    method: "GET",
    path: "/c",
    query: { restype: "container", comp: "list", sig: "*", "api-version": "7.5", prefix: "*" },
  });
});

test("describeRequest: a path without a query", () => {
  expect(describe("POST", "/")).toEqual({ method: "POST", path: "/", query: {} });
});

test("createRequestLog: keeps the newest entries up to its limit", () => {
  const log = createRequestLog(3);
  const entry = (path: string): LoggedRequest => ({
    ...{ at: "", service: "arm", method: "GET", host: "", query: {}, status: 200, ms: 0, faults: [] },
    path,
  });
  for (let n = 1; n <= 10; n += 1) log.add(entry(`/${n}`));
  expect(log.list().map(({ path }) => path)).toEqual(["/8", "/9", "/10"]);
  log.clear();
  expect(log.list()).toEqual([]);
});
