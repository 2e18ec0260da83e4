/** Registries attacked over HTTP: names that escape, names that mean another registry, a registry that gives something else. */
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { createApi } from "../support/api.ts";
import { borrowRegistry, LABELLED_ID, lent, REGISTRY_ID, registerContainers } from "../support/containers.ts";
import { createControl } from "../support/control.ts";
import { LABELLED_REGISTRY, REGISTRY } from "../support/registry-requests.ts";
import { sharedSystem } from "../support/shared-system.ts";
import { openStateAccount, type StateAccount } from "../support/state-account.ts";
import { withToken } from "../support/use-lent.ts";

const system = sharedSystem();
const api = createApi(system);
const control = createControl(system);
let state: StateAccount;

beforeAll(async () => {
  state = openStateAccount(system);
  for (const name of ["registries-vision", "registries-named"]) {
    await registerContainers(system, api, name);
  }
  for (const name of ["registries-both"]) {
    await registerContainers(system, api, name, "research-connector");
  }
});

const borrow = (changes: object, connector = "registries-vision") => borrowRegistry(api, connector, changes);

describe("a repository's name", () => {
  it.each([
    "vision/../zenml",
    "vision/./train",
    "../zenml",
    "vision//train",
    "/vision/train",
    "vision/train/",
    "Vision/train",
    "vision/TRAIN",
    "vision%2ftrain",
    "vision/..%2fzenml",
    "vision/train:latest",
    "vision/train@sha256:0",
    `${LABELLED_REGISTRY}:443/vision/train`,
    "vision/*",
    "*",
    "vision/train pull",
    "vision/train:pull,push repository:zenml",
    "vision/train\n",
    "vision/tra\u0131n",
    "vision/train\\..\\zenml",
    `vision/${"a".repeat(250)}`,
    "",
  ])("%j is none", async (name) => {
    const { status, body, text } = await borrow({ scope: { repositories: [name] } });
    expect([status, body.code], text).toEqual([400, "INVALID_REQUEST"]);
    expect(body.problems?.[0]?.path).toMatch(/^\/scope\/repositories/);
  });

  it("with another registry's host in it is a repository of this one, which the grant does not name", async () => {
    const { status, body } = await borrow({ scope: { repositories: [`${LABELLED_REGISTRY}/vision/train`] } });
    expect([status, body.code]).toEqual([403, "SCOPE_TOO_WIDE"]);
  });

  it.each([
    ["twice", { repositories: ["vision/train", "vision/train"] }],
    ["in no list", { repositories: "vision/train" }],
    ["in an empty list", { repositories: [] }],
    ["beside more members", { repositories: ["vision/train"], namespace: "vision" }],
    ["51 times", { repositories: Array.from({ length: 51 }, (_, index) => `vision/r${index}`) }],
  ])("%s is refused", async (_what, scope) => {
    const { status, body } = await borrow({ scope });
    expect([status, body.code]).toEqual([400, "INVALID_REQUEST"]);
  });
});

describe("rights", () => {
  it.each([[["*"]], [["read", "*"]], [["pull"]], [["admin"]], [["read,write"]], [[]]])(
    "%j are none",
    async (access) => {
      const { status, body } = await borrow({ access });
      expect([status, body.code]).toEqual([400, "INVALID_REQUEST"]);
    },
  );
});

describe("the name of a registry", () => {
  it("that two have is ambiguous: by its short name and by either host", async () => {
    for (const resourceId of ["demozenmlcontainerregistry", REGISTRY, LABELLED_REGISTRY]) {
      const { status, body } = await borrow({ resourceId }, "registries-both");
      expect([status, body.code, body.candidates]).toEqual([409, "AMBIGUOUS_RESOURCE", [REGISTRY_ID, LABELLED_ID]]);
    }
  });

  it("by its id is that one: another subscription's registry is asked under its own host", async () => {
    const { credential, resourceId } = lent(await borrow({ resourceId: LABELLED_ID }, "registries-both"));
    expect([credential.loginServer, resourceId]).toEqual([LABELLED_REGISTRY, LABELLED_ID]);
    const tags = "/v2/zenml/tags/list";
    expect(await withToken(system, LABELLED_REGISTRY, credential.token, "GET", tags)).toBe(200);
    expect(await withToken(system, REGISTRY, credential.token, "GET", tags)).toBe(401);
  });

  it.each([
    ["the host of another", LABELLED_REGISTRY],
    ["a host that begins alike", `${REGISTRY}.example.com`],
    ["a host of another kind", "demozenmlcontainerregistry.blob.core.windows.net"],
    ["a host with a port", `${REGISTRY}:443`],
    ["a URL with somebody in it", `https://${REGISTRY}@example.com`],
    ["a repository of it", `${REGISTRY}/vision/train`],
    ["an id that goes on", `${REGISTRY_ID}/tokens/x`],
    ["an id with a way out", `${REGISTRY_ID}/../researchadminregistry`],
    ["the id of another subscription's", LABELLED_ID],
    ["another name", "researchadminregistry"],
  ])("%s is never this one", async (_what, resourceId) => {
    const { status, text, body } = await borrow({ resourceId });
    expect([400, 403, 404], text).toContain(status);
    expect(["INVALID_REQUEST", "DENIED", "RESOURCE_NOT_FOUND"]).toContain(body.code);
  });
});

describe("a registry whose token endpoint", () => {
  const distort = async (grants: string) => {
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ grants });
    expect((await fetch(`${system.controlUrl}/registry`, { method: "PATCH", headers, body })).ok).toBe(true);
  };
  afterEach(async () => {
    await fetch(`${system.controlUrl}/registry`, { method: "DELETE" });
    await control.clear();
  });

  it.each(["more", "other", "less"])("grants %s than asked: nothing is lent, and nothing kept", async (grants) => {
    const before = await state.rows("Leases");
    await distort(grants);
    const { status, body, text } = await borrow({ scope: { repositories: ["vision/train"] } });
    expect([status, body.code], text).toEqual([502, "UPSTREAM_REFUSED"]);
    expect(text).not.toContain("eyJ");
    expect(await state.rows("Leases")).toEqual(before);
  });

  it.each([
    ["no JSON", "<html>", "text/html"],
    ["no token", "{}", "application/json"],
    ["a token that is none", '{"access_token":"nothing"}', "application/json"],
    ["two members", '{"access_token":["a","b"]}', "application/json"],
  ])("answers with %s: nothing is lent", async (_what, text, contentType) => {
    await control.fault({ service: "registry", path: "^/oauth2/token", reply: { status: 200, contentType, text } });
    const answer = await borrow({ scope: { repositories: ["vision/train"] } });
    expect(await control.clear()).toBeGreaterThan(0);
    expect([answer.status, answer.body.code], answer.text).toEqual([502, "UPSTREAM_REFUSED"]);
  });

  it("lists a repository with a name that is none: it is left out", async () => {
    const text = JSON.stringify({ repositories: ["vision/train", "vision/../zenml", "vision/x:push", "vision/*"] });
    await control.fault({
      service: "registry",
      path: "_catalog",
      reply: { status: 200, contentType: "application/json", text },
    });
    const answer = await borrow({});
    expect(await control.clear()).toBeGreaterThan(0);
    expect(lent(answer).scope).toEqual({ repositories: ["vision/train"] });
  });
});
