/** Verifying connectors that are only written down, and those that are stored: what is found, kept, refused, and not held against them. */
import { randomUUID } from "node:crypto";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { applicationOf, type ConnectorBody, createApi, type Problem, registration } from "../support/api.ts";
import { createControl } from "../support/control.ts";
import { sharedSystem } from "../support/shared-system.ts";
import { openStateAccount, type StateAccount } from "../support/state-account.ts";

type Access = { access: string; ok: boolean | null; code: string | null; remedy: { role: string; az: string } | null };
type Check = { resourceId: string; displayName: string; state: string; access: Access[] };
type TypeResult = {
  resourceType: string;
  state: string;
  resources: string[];
  error: { code: string } | null;
  checks: Check[];
};
type Verified = {
  name: string;
  message: string;
  resourceId: string | null;
  state: string;
  verification: { checkedAt: string; state: string; resourceTypes: TypeResult[] };
};

const system = sharedSystem();
const api = createApi(system);
const control = createControl(system);
const NAME = "connector-verify-main";
const ARCHIVE = "demozenmlarchive.blob.core.windows.net";
let state: StateAccount;
let id: string;
beforeAll(async () => {
  state = openStateAccount(system);
  const made = await api.register(NAME);
  expect(made.status, made.text).toBe(201);
  id = made.body.id;
});
afterEach(() => control.clear());

const verify = (query = "", name = NAME) => api.call<Verified & Problem>("POST", `connectors/${name}/verify${query}`);
const verifyRequest = (changes: object = {}) =>
  api.call<Verified & Problem>("POST", "connectors/verify", {
    body: { ...registration(system, "new-one"), ...changes },
  });
const containerCheck = ({ verification }: Verified, name: string) =>
  verification.resourceTypes[0]?.checks.find(({ displayName }) => displayName === `az://${name}`);
const rowOf = async (name: string) => (await state.rows("Connectors")).find(({ rowKey }) => rowKey === `n~${name}`);

describe("a stored connector", () => {
  it("is looked at by resource and access; what is missing comes with the command that mends it", async () => {
    const { status, headers, body } = await verify();
    expect(status).toBe(200);
    expect(body).toMatchObject({
      name: NAME,
      resourceId: null,
      state: "degraded",
      verification: { state: "degraded" },
    });
    expect(body.message).toBe(
      `Service connector '${NAME}' is correctly configured with valid credentials and has access to the following resources:`,
    );
    expect(containerCheck(body, "demo-zenmlartifactstore")?.state).toBe("ok");
    const cold = containerCheck(body, "cold-models");
    expect(cold).toMatchObject({
      state: "failed",
      access: [{ access: "read", ok: false, code: "ROLE_MISSING" }, {}, {}, {}, {}],
    });
    const { objectId } = applicationOf(system, "zenml-connector");
    expect(cold?.access[0]?.remedy?.az).toBe(
      `az role assignment create --assignee-object-id ${objectId} --assignee-principal-type ServicePrincipal --role "Storage Blob Data Reader" --scope "${cold?.resourceId}"`,
    );
    expect((await rowOf(NAME))?.etag).toBe(headers.get("etag"));
  });

  it("keeps state, time and findings, shows them, and leaves one audit record", async () => {
    const { body, headers } = await verify();
    const row = await rowOf(NAME);
    expect(row).toMatchObject({ state: "degraded", checkedAt: body.verification.checkedAt });
    const described = await api.call<ConnectorBody & { verification: unknown }>("GET", `connectors/${NAME}`);
    expect(described.body.verification).toEqual(body.verification);
    const correlationId = headers.get("x-correlation-id");
    const records = (await state.rows("Audit")).filter((record) => record.correlationId === correlationId);
    expect(records).toEqual([
      expect.objectContaining({
        event: "connector.verified",
        outcome: "ok",
        resourceId: id,
        rule: "role:Latchkey.Admin",
      }),
    ]);
  });

  it("one resource by an alias: looks at that alone", async () => {
    const { body } = await verify("?resourceId=az%3A%2F%2Fdemo-zenmlartifactstore");
    expect(body.verification).toMatchObject({ state: "healthy", resourceTypes: [{ state: "ok" }] });
    expect(body.verification.resourceTypes[0]?.checks).toHaveLength(1);
    expect((await rowOf(NAME))?.state).toBe("degraded");
  });

  it("many at once: each is answered, and the record is whole", async () => {
    const answers = await Promise.all(Array.from({ length: 4 }, () => verify()));
    for (const { status, body } of answers) expect([200, 412]).toContain(body.code === "ETAG_MISMATCH" ? 412 : status);
    expect(answers.some(({ status }) => status === 200)).toBe(true);
    expect(await rowOf(NAME)).toMatchObject({ state: "degraded", id });
  });

  it("whose secret is wrong has failed, and that is kept", async () => {
    const name = "connector-verify-wrong";
    const body = { ...registration(system, name), secrets: { clientSecret: "not-the-secret" } };
    await api.call("POST", "connectors?verify=false", { body });
    const answer = await verify("", name);
    expect([answer.status, answer.body.state]).toEqual([200, "failed"]);
    expect(answer.body.verification.resourceTypes).toMatchObject([
      { state: "error", error: { code: "SIGN_IN_FAILED" } },
    ]);
    expect(answer.text).not.toContain("not-the-secret");
    expect((await rowOf(name))?.state).toBe("failed");
  });
});

describe("a part or a name that does not fit changes nothing", () => {
  it.each([
    ["?resourceType=nothing", 400, "INVALID_REQUEST"],
    ["?resourceType=azure-generic", 400, "INVALID_REQUEST"],
    ["?resourceType=", 400, "INVALID_REQUEST"],
    ["?resourceType=blob-container&resourceType=blob-container", 400, "INVALID_REQUEST"],
    ["?resourceId=", 400, "INVALID_REQUEST"],
    [`?resourceId=${"x".repeat(1025)}`, 400, "INVALID_REQUEST"],
    ["?resourceId=az%3A%2F%2F..%2Fup", 400, "INVALID_REQUEST"],
    ["?resourceId=az%3A%2F%2Fno-such-container", 404, "RESOURCE_NOT_FOUND"],
    ["?resourceId=az%3A%2F%2Fdatasets", 409, "AMBIGUOUS_RESOURCE"],
    ["?unknown=1", 400, "INVALID_REQUEST"],
  ])("%s: %d %s", async (query, status, code) => {
    const before = await rowOf(NAME);
    const answer = await verify(query);
    expect([answer.status, answer.body.code], answer.text).toEqual([status, code]);
    expect(await rowOf(NAME)).toEqual(before);
  });

  it.each(["no-such-connector", randomUUID()])("%s: 404", async (name) => {
    const answer = await verify("", name);
    expect([answer.status, answer.body.code]).toEqual([404, "NOT_FOUND"]);
  });
});

describe("faults", () => {
  it.each([
    { status: 503, expected: "unknown" },
    { status: 429, expected: "unknown" },
  ])("one account that answers $status does not hide the others", async ({ status, expected }) => {
    await control.fault({ host: ARCHIVE, status });
    const { body, text } = await verify();
    expect(containerCheck(body, "cold-models")?.state, text).toBe(expected);
    expect(containerCheck(body, "demo-zenmlartifactstore")?.state).toBe("ok");
  });

  it("one that hangs neither, and is waited for once", async () => {
    await control.fault({ host: ARCHIVE, latencyMs: 60_000 });
    const { status, body, text } = await verify();
    expect(status, text).toBe(200);
    expect(containerCheck(body, "cold-models")).toMatchObject({
      state: "unknown",
      access: [{ ok: null, code: "UPSTREAM_TIMEOUT" }],
    });
    expect(containerCheck(body, "demo-zenmlartifactstore")?.state).toBe("ok");
  });

  it("an outage says nothing about the connector: nothing is kept", async () => {
    const before = await rowOf(NAME);
    await control.fault({ service: "arm", status: 503 });
    const answer = await verify();
    expect([answer.status, answer.body.code]).toEqual([502, "UPSTREAM_REFUSED"]);
    expect(await rowOf(NAME)).toEqual(before);
  });
});

describe("a connector that is only written down", () => {
  it("is looked at as for registering, and nothing is stored", async () => {
    const before = await state.read();
    const { status, body, text } = await verifyRequest({ resourceId: "az://demo-zenmlartifactstore" });
    expect(status, text).toBe(200);
    expect(body).toMatchObject({ name: "new-one", state: "healthy", verification: { state: "healthy" } });
    expect(body.resourceId).toMatch(/\/containers\/demo-zenmlartifactstore$/);
    expect(text).not.toContain(applicationOf(system, "zenml-connector").secret);
    expect(await state.read()).toEqual(before);
  });

  it.each<[string, object, number, string, string | null]>([
    ["a name that is reserved", { name: "verify" }, 400, "INVALID_REQUEST", "/name"],
    ["an unknown method", { authMethod: "guess" }, 400, "INVALID_REQUEST", "/authMethod"],
    ["an unknown cloud", { cloud: "moon" }, 400, "INVALID_REQUEST", "/cloud"],
    ["a configuration of another type", { configuration: 7 }, 400, "INVALID_REQUEST", "/configuration"],
    ["no secret", { secrets: { clientSecret: "" } }, 400, "INVALID_REQUEST", "/secrets/clientSecret"],
    ["an unknown type", { resourceTypes: ["mail"] }, 400, "INVALID_REQUEST", "/resourceTypes/0"],
    ["an empty resource", { resourceId: "" }, 400, "INVALID_REQUEST", "/resourceId"],
    ["a label that is no text", { labels: { a: 1 } }, 400, "INVALID_REQUEST", "/labels/a"],
    ["an unknown visibility", { visibility: "all" }, 400, "INVALID_REQUEST", "/visibility"],
    ["a user without an id", { users: ["user:me"] }, 400, "INVALID_REQUEST", "/users/0"],
    ["an end in the past", { expiresAt: "2020-01-01T00:00:00Z" }, 400, "INVALID_REQUEST", "/expiresAt"],
    ["an unknown field", { colour: "red" }, 400, "INVALID_REQUEST", "/colour"],
    ["a wrong secret", { secrets: { clientSecret: "wrong-secret-7f3a" } }, 422, "SIGN_IN_FAILED", null],
    ["a resource that is not there", { resourceId: "az://no-such-container" }, 404, "RESOURCE_NOT_FOUND", null],
  ])("%s is refused", async (_what, changes, status, code, path) => {
    const before = await state.read();
    const answer = await verifyRequest(changes);
    expect([answer.status, answer.body.code], answer.text).toEqual([status, code]);
    if (path !== null) expect(answer.body.problems?.map((problem) => problem.path)).toEqual([path]);
    expect(answer.text).not.toContain("wrong-secret-7f3a");
    expect(await state.read()).toEqual(before);
  });
});
