/** Answers that are no JSON, and routes that start runs. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type Answer, drivingRoute, nothing, type Route, route } from "../../../functions/route.ts";
import { jsonRequest, runtimeOf } from "../../support/fakes-http.ts";

const answer = { status: 201, description: "x", schema: z.unknown() };
const shape = { path: "things/{id}", summary: "x", query: nothing } as const;
const request = jsonRequest({}, { params: { id: "7" } });

function plain(declared: Route["answer"], sent: Answer): Route {
  return route({
    ...shape,
    answer: declared,
    name: "things-create",
    method: "POST",
    access: ["Latchkey.Admin"],
    params: z.strictObject({ id: z.string() }),
    body: null,
    handle: async () => sent,
  });
}

describe("an answer that is a text", () => {
  const csv = (textType?: string) => {
    const sent = { status: 201, text: "a,b\r\n", headers: { "x-more": "1" } };
    return plain({ ...answer, ...(textType === undefined ? {} : { textType }) }, sent);
  };

  test("goes out as it stands, with the type that the route declares", async () => {
    const { call } = runtimeOf([csv("text/csv")]);
    const { status, headers, body } = await call("things-create", request);
    expect([status, headers["content-type"], headers["x-more"], body]).toEqual([201, "text/csv", "1", "a,b\r\n"]);
    expect(headers).toMatchObject({ "cache-control": "no-store", "x-content-type-options": "nosniff" });
  });

  test("of a route that declares none is a defect", async () => {
    const { status, json } = await runtimeOf([csv()]).call("things-create", request);
    expect([status, json.code]).toEqual([500, "INTERNAL"]);
  });
});

describe("a route that drives", () => {
  const driving = drivingRoute({
    ...shape,
    answer,
    name: "things-drive",
    method: "POST",
    access: ["Latchkey.Admin"],
    params: z.strictObject({ id: z.string() }),
    body: null,
    handle: async ({ drive, params }) => {
      await drive({ id: params.id, loginServer: "registryone.azurecr.io" });
      return { status: 202 };
    },
  });
  const input = { type: "durableClient", name: "client" };

  test("has the durable client of its own invocation; others cost no client", async () => {
    const driven: unknown[] = [];
    const driverOf = (context: { functionName: string }) => async (run: unknown) =>
      void driven.push([context.functionName, run]);
    const { call, registered } = runtimeOf([driving, plain(answer, { status: 201 })], { durable: { input, driverOf } });
    expect((await call("things-drive", request)).status).toBe(202);
    expect(driven).toEqual([["things-drive", { id: "7", loginServer: "registryone.azurecr.io" }]]);
    expect(registered.get("things-drive")?.extraInputs).toEqual([input]);
    expect(registered.get("things-create")).not.toHaveProperty("extraInputs");
  });

  test("a driver that fails is told in the log, without its words", async () => {
    const driverOf = () => async () => {
      throw new Error("words of the host");
    };
    const { call, logged } = runtimeOf([driving], { durable: { input, driverOf } });
    expect((await call("things-drive", request)).status).toBe(500);
    expect(logged.map(({ event }) => event)).toContain("purge.defect");
    expect(JSON.stringify(logged)).not.toContain("words of the host");
  });

  test("stops the start of an app without that client", () => {
    expect(() => runtimeOf([driving], { durable: null })).toThrow("things-drive");
  });
});
