import { describe, expect, it } from "vitest";
import type { Binding, RegisteredFunction } from "../../../../infra/local/host/core-types.ts";
import { indexFunctions } from "../../../../infra/local/host/function-index.ts";
import { findFunction } from "../../../../infra/local/host/http-server.ts";

const registered = (name: string, trigger: Binding, others: Record<string, Binding> = {}): RegisteredFunction => ({
  name,
  metadata: { name, bindings: { trigger, $return: { type: "http", direction: "out" }, ...others } },
  callback: () => undefined,
});
const http = (name: string, members: Record<string, unknown> = {}) =>
  registered(name, { type: "httpTrigger", direction: "in", ...members });
const timer = (name: string, schedule: string) => registered(name, { type: "timerTrigger", schedule });
const index = (functions: RegisteredFunction[], routePrefix = "api") =>
  indexFunctions(functions, { routePrefix, timeZone: "UTC", setting: (name) => (name === "S" ? "0 * * * *" : "") });
const problemNames = (functions: RegisteredFunction[], routePrefix?: string) =>
  index(functions, routePrefix).problems.map(({ name }) => name);

describe("indexFunctions", () => {
  it("tries routes by name without regard to case, dash before letters before underscore", () => {
    const { functions } = index(["b", "a_1", "A-1", "aZ"].map((name) => http(name)));
    expect(functions.map(({ name }) => name)).toEqual(["A-1", "aZ", "a_1", "b"]);
  });

  it("fills in the defaults of an HTTP trigger", () => {
    const [hosted] = index([http("a")]).functions;
    expect(hosted).toMatchObject({ methods: ["GET", "POST"], authLevel: "anonymous", route: { text: "api/a" } });
  });

  it("takes durable triggers and clients, but no entities", () => {
    const client = { d: { type: "durableClient", direction: "in" } };
    const functions = [
      registered("a", { type: "orchestrationTrigger" }),
      registered("b", { type: "activityTrigger" }),
      registered("c", { type: "httpTrigger" }, client),
      registered("e", { type: "entityTrigger" }),
    ];
    const found = index(functions);
    expect(found.functions.map(({ kind, clients }) => [kind, clients])).toEqual([
      ["orchestration", []],
      ["activity", []],
      ["http", ["d"]],
    ]);
    expect(found.problems.map(({ name }) => name)).toEqual(["e"]);
  });

  it("leaves out the prefix when it is empty", () => {
    expect(index([http("a", { route: "x/{y}" })], "").functions[0]).toMatchObject({ route: { text: "x/{y}" } });
  });

  it("refuses names that the real host refuses", () => {
    const names = ["1a", "host", "HOST", "a.b", `a${"b".repeat(128)}`];
    expect(problemNames([...names, "ok_-1"].map((name) => http(name, { route: name }))).sort()).toEqual(names.sort());
  });

  it("refuses reserved routes, with and without a prefix", () => {
    const functions = [http("a", { route: "administrators" }), http("b", { route: "Runtime/x" }), http("admin-x")];
    expect(problemNames(functions)).toEqual(["a", "admin-x", "b"]);
    expect(problemNames(functions, "")).toEqual(["a", "admin-x", "b"]);
  });

  it("of two functions with one route and a method in common the later by name is refused", () => {
    const functions = [
      http("b", { route: "x/{y}", methods: ["post"] }),
      http("a", { route: "X/{y}", methods: ["GET", "POST"] }),
      http("c", { route: "x/{y}", methods: ["PUT"] }),
    ];
    expect(problemNames(functions)).toEqual(["b"]);
  });

  it("puts app settings into a schedule, and refuses one that does not resolve", () => {
    const { functions, problems } = index([timer("a", "%S%"), timer("b", "%NONE%"), timer("c", "0 0 0 * * 7")]);
    expect(functions).toMatchObject([{ name: "a", schedule: { expression: "0 * * * *" } }]);
    expect(problems.map(({ name }) => name)).toEqual(["b", "c"]);
  });

  it("refuses triggers and bindings that it does not know", () => {
    const queue = registered("queue", { type: "queueTrigger" });
    const output = registered("output", { type: "httpTrigger" }, { out: { type: "queue", direction: "out" } });
    expect(problemNames([queue, output, registered("none", { type: "blob" })])).toEqual(["none", "output", "queue"]);
  });
});

describe("findFunction", () => {
  const { functions } = index([
    http("b-literal", { route: "pick/literal" }),
    http("a-any", { route: "pick/{x}" }),
    http("put", { route: "pick/{x}", methods: ["PUT"] }),
  ]);

  it("takes the first by name, not the most exact", () => {
    expect(findFunction(functions, "GET", "/api/pick/literal")).toMatchObject({
      hosted: { name: "a-any" },
      params: { x: "literal" },
    });
  });

  it("goes on to a later function for another method, and finds nothing for an unknown one", () => {
    expect(findFunction(functions, "PUT", "/api/pick/1")?.hosted.name).toBe("put");
    expect(findFunction(functions, "DELETE", "/api/pick/1")).toBeUndefined();
    expect(findFunction(functions, "HEAD", "/api/pick/1")).toBeUndefined();
  });
});
