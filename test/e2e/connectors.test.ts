/** Registering, describing and listing connectors, and what is kept of them. */
import { beforeAll, describe, expect, it } from "vitest";
import { type ConnectorBody, createApi, registration } from "../support/api.ts";
import { sharedSystem } from "../support/shared-system.ts";
import { openStateAccount, type StateAccount } from "../support/state-account.ts";

const UTC = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{3})?Z$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const system = sharedSystem();
const api = createApi(system);
let state: StateAccount;
beforeAll(() => {
  state = openStateAccount(system);
});

describe("register", () => {
  const name = "connectors-main";
  const request = {
    ...registration(system, name),
    labels: { team: "vision" },
    visibility: "shared",
    users: [`group:${system.seed.groups[0]?.id}`],
  };
  let answer: Awaited<ReturnType<typeof api.register>>;
  beforeAll(async () => {
    answer = await api.call("POST", "connectors", { body: request });
  });

  it("answers 201 with the whole record, secrets hidden, and where it is", () => {
    expect(answer.status).toBe(201);
    expect(answer.headers.get("location")).toBe(`/api/connectors/${name}`);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(answer.body).toEqual({
      id: expect.stringMatching(UUID),
      name,
      type: "azure",
      authMethod: "service-principal",
      cloud: "public",
      configuration: { ...request.configuration, subscriptionId: null, resourceGroup: null, storageAccount: null },
      secrets: { clientSecret: "[HIDDEN]" },
      secretId: expect.stringMatching(/^connector-/),
      sessionDuration: null,
      resourceTypes: ["blob-container"],
      resourceId: null,
      resourceName: "<multiple>",
      workspace: "default",
      labels: { team: "vision" },
      owner: expect.stringMatching(/^app:[0-9a-f-]{36}\/[0-9a-f-]{36}$/),
      visibility: "shared",
      shared: true,
      users: request.users,
      state: "degraded",
      checkedAt: expect.stringMatching(UTC),
      expiresAt: null,
      expiresIn: null,
      createdAt: expect.stringMatching(UTC),
      updatedAt: expect.stringMatching(UTC),
      // Reader lists what no data role opens.
      warnings: [expect.stringContaining("az://payroll")],
      verification: {
        checkedAt: expect.stringMatching(UTC),
        state: "degraded",
        resourceTypes: [
          {
            resourceType: "blob-container",
            state: "degraded",
            resources: expect.arrayContaining(["az://demo-zenmlartifactstore", "az://datasets", "az://payroll"]),
            error: { code: "ROLE_MISSING", message: expect.any(String), remedy: expect.stringContaining("az role") },
            checks: expect.arrayContaining([
              expect.objectContaining({ displayName: "az://demo-zenmlartifactstore", state: "ok" }),
              expect.objectContaining({ displayName: "az://payroll", state: "failed" }),
            ]),
            unprobed: 0,
          },
        ],
      },
    });
  });

  it("keeps exactly the columns of the contract in two rows, and the secret in the vault alone", async () => {
    const rows = (await state.rows("Connectors")).filter(
      (row) => row.rowKey === `n~${name}` || row.rowKey === `i~${answer.body.id}`,
    );
    expect(rows).toEqual([
      expect.objectContaining({ partitionKey: "c", rowKey: `i~${answer.body.id}`, name }),
      {
        partitionKey: "c",
        rowKey: `n~${name}`,
        etag: answer.headers.get("etag"),
        timestamp: expect.any(String),
        id: answer.body.id,
        authMethod: "service-principal",
        cloud: "public",
        configurationJson: JSON.stringify({
          ...request.configuration,
          subscriptionId: null,
          resourceGroup: null,
          storageAccount: null,
        }),
        secretKind: "clientSecret",
        secretName: `connector-${answer.body.id}`,
        secretVersion: expect.stringMatching(/^[0-9a-f]{32}$/),
        resourceTypesJson: '["blob-container"]',
        labelsJson: '{"team":"vision"}',
        owner: expect.stringMatching(/^app:/),
        visibility: "shared",
        usersJson: JSON.stringify(request.users),
        state: "degraded",
        checkedAt: expect.stringMatching(UTC),
        verificationBlob: `verification/${answer.body.id}.json`,
        createdAt: expect.stringMatching(UTC),
        updatedAt: expect.stringMatching(UTC),
      },
    ]);
    expect(await state.secretOf(`connector-${answer.body.id}`)).toBe(request.secrets.clientSecret);
    const verification = JSON.parse(await state.blob("latchkey", `verification/${answer.body.id}.json`));
    expect(verification).toMatchObject({ state: "degraded", resourceTypes: [{ state: "degraded" }] });
  });

  it("leaves one audit record with who, what and why", async () => {
    const records = (await state.rows("Audit")).filter((row) => row.resourceId === answer.body.id);
    expect(records).toEqual([
      expect.objectContaining({
        event: "connector.registered",
        outcome: "ok",
        principalId: expect.stringMatching(/^app:/),
        rule: "role:Latchkey.Admin",
        correlationId: answer.headers.get("x-correlation-id"),
      }),
    ]);
  });

  it("refuses a name that is taken and changes nothing", async () => {
    const before = await state.read();
    const again = await api.register(name);
    expect([again.status, again.body.code]).toEqual([409, "NAME_TAKEN"]);
    expect(await state.read()).toEqual(before);
  });

  it("gives a name to exactly one of many who ask at once, and leaves nothing of the others", async () => {
    const answers = await Promise.all(Array.from({ length: 6 }, () => api.register("connectors-race")));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409, 409]);
    const winner = answers.find(({ status }) => status === 201);
    const rows = await state.rows("Connectors");
    expect(rows.filter((row) => row.name === "connectors-race")).toHaveLength(1);
    expect(rows.find((row) => row.rowKey === "n~connectors-race")).toMatchObject({ id: winner?.body.id });
    const known = new Set(rows.map((row) => row.secretName).filter(Boolean));
    const { secretNames } = await state.read();
    expect(secretNames.filter((secret) => secret.startsWith("connector-") && !known.has(secret))).toEqual([]);
  });

  it("stores without a look at Azure on verify=false", async () => {
    const body = { ...registration(system, "connectors-unverified"), secrets: { clientSecret: "not-checked-here" } };
    const stored = await api.call<ConnectorBody>("POST", "connectors?verify=false", { body });
    expect(stored.status).toBe(201);
    expect(stored.body).toMatchObject({ state: "unverified", checkedAt: null, verification: null });
    const rows = await state.rows("Connectors");
    const row = rows.find(({ rowKey }) => rowKey === "n~connectors-unverified");
    expect(row).toBeDefined();
    expect(row).not.toHaveProperty("verificationBlob");
  });

  it("reports what a sign-in without rights does not reach", async () => {
    const stranger = system.seed.applications.find(({ name: each }) => each === "stranger");
    const made = await api.register("connectors-stranger", {
      configuration: { tenantId: system.seed.tenant.id, clientId: stranger?.clientId },
      secrets: { clientSecret: stranger?.secret },
    });
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({
      state: "failed",
      verification: { resourceTypes: [{ state: "error", resources: [], error: { code: "RESOURCE_NOT_FOUND" } }] },
    });
  });
});

describe("describe", () => {
  it("finds a connector by name and by id, with its ETag, and shows no secret", async () => {
    const made = await api.register("connectors-described");
    for (const key of ["connectors-described", made.body.id, made.body.id.toUpperCase()]) {
      const found = await api.call<ConnectorBody>("GET", `connectors/${key}`);
      expect(found.status).toBe(200);
      expect(found.headers.get("etag")).toBe(made.headers.get("etag"));
      expect(found.headers.get("etag")).toMatch(/^W\/".+"$/);
      expect(found.body).toEqual(made.body);
      expect(found.body).toMatchObject({ secrets: { clientSecret: "[HIDDEN]" } });
    }
  });

  it.each(["no-such-connector", "00000000-0000-4000-8000-000000000000"])("answers 404 for %s", async (name) => {
    const missing = await api.call("GET", `connectors/${name}`);
    expect([missing.status, missing.body.code]).toEqual([404, "NOT_FOUND"]);
  });
});

describe("list", () => {
  type List = { items: ConnectorBody[]; continuationToken: string | null };

  it("pages through every connector once, in order of name", async () => {
    for (const letter of ["a", "b", "c"]) await api.register(`connectors-page-${letter}`);
    const whole = await api.call<List>("GET", "connectors");
    expect(whole.status).toBe(200);
    const names = whole.body.items.map(({ name }) => name);
    expect(names).toEqual([...names].sort());
    expect(names).toEqual(expect.arrayContaining(["connectors-page-a", "connectors-page-b", "connectors-page-c"]));
    expect(whole.body.continuationToken).toBeNull();

    const paged: string[] = [];
    let query = "limit=2";
    for (let page = 0; page <= names.length; page++) {
      const { body } = await api.call<List>("GET", `connectors?${query}`);
      paged.push(...body.items.map(({ name }) => name));
      expect(body.items.length).toBeLessThanOrEqual(2);
      if (body.continuationToken === null) break;
      query = `limit=2&continuationToken=${encodeURIComponent(body.continuationToken)}`;
    }
    expect(paged).toEqual(names);
    expect(whole.body.items.every((item) => JSON.stringify(item).includes('"[HIDDEN]"'))).toBe(true);
  });

  it.each(["limit=0", "limit=501", "limit=x", "limit=1&limit=2", "continuationToken=bm90LW91cnM_", "unknown=1"])(
    "refuses ?%s",
    async (query) => {
      const refused = await api.call("GET", `connectors?${query}`);
      expect([refused.status, refused.body.code]).toEqual([400, "INVALID_REQUEST"]);
    },
  );
});
