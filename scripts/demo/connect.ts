/** A part of the demo: every way to sign in to Azure, what each reaches, and what is wrong with those that reach less. */
import { readFileSync } from "node:fs";
import { ClientSecretCredential } from "@azure/identity";
import { z } from "zod";
import { clientCertificateFile } from "../../infra/local/azure/entra/client-certificates.ts";
import type { LocalSystem } from "../../infra/local/system.ts";
import { applicationOf, type Client, createClient, passwordToken, problemSchema, read } from "./latchkey-client.ts";
import { expectEqual, type Show, type Stage } from "./stage.ts";

const typesSchema = z.object({
  items: z.array(
    z.object({
      name: z.string(),
      type: z.string(),
      resourceTypes: z.array(z.object({ resourceType: z.string() })),
      authMethods: z.array(z.object({ authMethod: z.string() })),
      local: z.boolean(),
      remote: z.boolean(),
    }),
  ),
});
const connectorSchema = z.object({
  id: z.string(),
  name: z.string(),
  type: z.string(),
  authMethod: z.string(),
  state: z.string(),
  secretId: z.string().nullable(),
  secrets: z.record(z.string(), z.string()),
  configuration: z.record(z.string(), z.string().nullable()),
  resourceName: z.string(),
  expiresIn: z.string().nullable(),
  owner: z.string(),
  workspace: z.string(),
  labels: z.record(z.string(), z.string()),
  shared: z.boolean(),
  createdAt: z.string(),
  updatedAt: z.string(),
});
const registeredSchema = connectorSchema.extend({
  warnings: z.array(z.string()),
  verification: z.object({
    state: z.string(),
    resourceTypes: z.array(
      z.object({
        resourceType: z.string(),
        state: z.string(),
        resources: z.array(z.string()),
        error: z.object({ message: z.string() }).nullable(),
      }),
    ),
  }),
});
const verifiedSchema = z.object({
  verification: z.object({
    resourceTypes: z.array(
      z.object({
        checks: z.array(
          z.object({
            access: z.array(
              z.object({
                access: z.string(),
                ok: z.boolean().nullable(),
                proof: z.string(),
                remedy: z.object({ role: z.string().nullable(), az: z.string() }).nullable(),
              }),
            ),
          }),
        ),
      }),
    ),
  }),
});
const resourcesSchema = z.object({
  items: z.array(z.object({ resourceType: z.string(), displayName: z.string(), resourceId: z.string() })),
  ageSeconds: z.int().nullable(),
  pending: z.array(z.object({ place: z.string(), code: z.string() })),
});
const listSchema = z.object({ items: z.array(connectorSchema) });
type Registered = z.output<typeof registeredSchema>;

/** @param system with the identities and applications of the seed file */
export async function connect(stage: Stage, system: LocalSystem): Promise<void> {
  stage.chapter("Every way to sign in to Azure, and what each reaches");
  const admin = createClient(system.apiUrl, await passwordToken(system.seed, "admin@zenmldemo.onmicrosoft.com"));
  await stage.step("GET /api/connector-types", async (show) => {
    const { items } = read(await admin.call("GET", "connector-types"), 200, typesSchema);
    show.table(
      ["NAME", "TYPE", "RESOURCE TYPES", "AUTH METHODS", "LOCAL", "REMOTE"],
      items.map(({ name, type, resourceTypes, authMethods, local, remote }) => [
        name,
        type,
        resourceTypes.map((one) => one.resourceType).join("\n"),
        authMethods.map((one) => one.authMethod).join("\n"),
        local ? "✅" : "➖",
        remote ? "✅" : "➖",
      ]),
    );
  });
  await registerImplicit(stage, admin);
  const principal = await registerPrincipal(stage, admin, system);
  await registerToken(stage, admin, system);
  await registerWithoutSecret(stage, admin, system);
  await explainAndFind(stage, admin, principal);
  await describeAndList(stage, admin, principal);
}

async function registerImplicit(stage: Stage, admin: Client): Promise<void> {
  await stage.step(
    "Register azure-implicit: the service's own identity is not for lending, unless its operator says so",
    async (show) => {
      const answer = await admin.call("POST", "connectors", { name: "azure-implicit", authMethod: "implicit" });
      const { code, detail } = problemSchema.parse(answer.body);
      expectEqual("status", answer.status >= 400 && answer.status < 500, true);
      show.fact("answer", `${answer.status} ${code}`);
      show.fact("why", detail);
    },
  );
}

async function registerPrincipal(stage: Stage, admin: Client, system: LocalSystem): Promise<Registered> {
  const tenantId = system.seed.tenant.id;
  await stage.step("Register azure-certificate: a service principal that signs in with a certificate", async (show) => {
    const clientId = system.seed.applications.find(({ name }) => name === "zenml-certificate")?.clientId;
    const certificate = readFileSync(clientCertificateFile(system.stateDir, "zenml-certificate"), "utf8");
    await register(admin, show, {
      name: "azure-certificate",
      authMethod: "service-principal",
      configuration: { tenantId, clientId },
      secrets: { certificate },
    });
  });
  return stage.step("Register azure-multi: a service principal, for all that it reaches", (show) => {
    const { clientId, secret } = applicationOf(system.seed, "zenml-connector");
    return register(admin, show, {
      name: "azure-multi",
      authMethod: "service-principal",
      configuration: { tenantId, clientId },
      secrets: { clientSecret: secret },
      labels: { team: "platform" },
    });
  });
}

async function registerToken(stage: Stage, admin: Client, system: LocalSystem): Promise<void> {
  await stage.step(
    "Register azure-session-token: a temporary token, which blob containers and vaults do not take",
    async (show) => {
      const { clientId, secret } = applicationOf(system.seed, "zenml-connector");
      const credential = new ClientSecretCredential(system.seed.tenant.id, clientId, secret);
      const { token } = await credential.getToken("https://management.azure.com/.default");
      const made = await register(admin, show, {
        name: "azure-session-token",
        authMethod: "access-token",
        secrets: { token },
        visibility: "shared",
      });
      expectEqual("state", made.state, "degraded");
      show.fact("expires in", made.expiresIn ?? "");
    },
  );
}

async function registerWithoutSecret(stage: Stage, admin: Client, system: LocalSystem): Promise<void> {
  const identity = system.seed.subscriptions
    .flatMap(({ resourceGroups }) => resourceGroups)
    .flatMap(({ identities }) => identities)
    .find(({ name }) => name === "latchkey-app-identity");
  const registration = system.seed.applications.find(({ name }) => name === "zenml-federated");
  const methods = {
    "azure-managed-identity": {
      title: "an identity that Azure attaches to the app; no secret is kept anywhere",
      authMethod: "managed-identity",
      configuration: { clientId: identity?.clientId },
    },
    "azure-federated": {
      title: "an app registration that trusts that identity; no secret is kept anywhere",
      authMethod: "workload-identity",
      configuration: { tenantId: system.seed.tenant.id, clientId: registration?.clientId },
    },
  };
  for (const [name, { title, ...request }] of Object.entries(methods)) {
    await stage.step(`Register ${name}: ${title}`, async (show) => {
      const { secretId, secrets } = await register(admin, show, { name, ...request });
      expectEqual("secret", [secretId, secrets], [null, {}]);
    });
  }
}

async function register(admin: Client, show: Show, request: object): Promise<Registered> {
  const made = read(await admin.call("POST", "connectors", request), 201, registeredSchema);
  show.table(
    ["RESOURCE TYPE", "RESOURCE NAMES"],
    made.verification.resourceTypes.map(({ resourceType, state, resources, error }) => [
      resourceType,
      [...resources, ...(error === null ? [] : [`${state === "error" ? "💥 error:" : "⚠"} ${error.message}`])].join(
        "\n",
      ),
    ]),
  );
  return made;
}

async function explainAndFind(stage: Stage, admin: Client, { name }: Registered): Promise<void> {
  await stage.step(
    `POST /api/connectors/${name}/verify?resourceId=az://payroll: what is missing, and what mends it`,
    async (show) => {
      const path = `connectors/${name}/verify?resourceType=blob-container&resourceId=${encodeURIComponent("az://payroll")}`;
      const { verification } = read(await admin.call("POST", path), 200, verifiedSchema);
      const access = verification.resourceTypes.flatMap(({ checks }) => checks.flatMap((check) => check.access));
      show.table(
        ["ACCESS", "WORKS", "PROOF", "MISSING ROLE"],
        access.map((one) => [
          one.access,
          one.ok === null ? "not known" : one.ok ? "yes" : "NO",
          one.proof,
          one.remedy?.role ?? "",
        ]),
      );
      const mend = access.find(({ remedy }) => remedy !== null)?.remedy?.az ?? "";
      expectEqual("a command that mends it", mend.startsWith("az role assignment create "), true);
      show.fact("to mend it", mend);
    },
  );
  await stage.step(`GET /api/connectors/${name}/resources`, async (show) => {
    const found = read(await admin.call("GET", `connectors/${name}/resources`), 200, resourcesSchema);
    expectEqual("what could not be listed", found.pending, []);
    show.fact("listed", `${found.items.length} resources, ${found.ageSeconds} s ago`);
    show.table(
      ["RESOURCE TYPE", "NAME", "RESOURCE GROUP", "ACCOUNT OR RESOURCE"],
      found.items.map(({ resourceType, displayName, resourceId }) => {
        // Names may be equal, places are not.
        const [, , , , group = "", , , , owner = ""] = resourceId.split("/");
        return [resourceType, displayName, group, owner];
      }),
    );
  });
}

async function describeAndList(stage: Stage, admin: Client, made: Registered): Promise<void> {
  await stage.step(`GET /api/connectors/${made.name}`, async (show) => {
    const found = read(await admin.call("GET", `connectors/${made.name}`), 200, registeredSchema);
    show.table(
      ["PROPERTY", "VALUE"],
      [
        ["ID", found.id],
        ["NAME", found.name],
        ["TYPE", found.type],
        ["AUTH METHOD", found.authMethod],
        ["RESOURCE TYPES", found.verification.resourceTypes.map(({ resourceType }) => resourceType).join(", ")],
        ["RESOURCE NAME", found.resourceName],
        ["SECRET ID", found.secretId ?? ""],
        ["SESSION DURATION", "N/A"],
        ["EXPIRES IN", found.expiresIn ?? "N/A"],
        ["OWNER", found.owner],
        ["WORKSPACE", found.workspace],
        ["SHARED", found.shared ? "✅" : "➖"],
        ["CREATED_AT", found.createdAt],
        ["UPDATED_AT", found.updatedAt],
        ["LABELS", labelsText(found)],
        ["tenant_id", found.configuration.tenantId ?? ""],
        ["client_id", found.configuration.clientId ?? ""],
        ["client_secret", found.secrets.clientSecret ?? ""],
      ],
    );
    expectEqual("clientSecret", found.secrets.clientSecret, "[HIDDEN]");
  });
  await stage.step("GET /api/connectors", async (show) => {
    const { items } = read(await admin.call("GET", "connectors"), 200, listSchema);
    show.table(
      ["NAME", "AUTH METHOD", "STATE", "RESOURCE NAME", "SHARED", "EXPIRES IN", "LABELS"],
      items.map((one) => [
        one.name,
        one.authMethod,
        one.state,
        one.resourceName,
        one.shared ? "✅" : "➖",
        one.expiresIn ?? "",
        labelsText(one),
      ]),
    );
  });
}

function labelsText({ labels }: { readonly labels: Readonly<Record<string, string>> }): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(", ");
}
