/** A part of the demo: a vault secret is read as a file, and an access token for ARM is lent and used. */
import { z } from "zod";
import type { LocalSystem } from "../../infra/local/system.ts";
import { applicationOf, type Client, createClient, passwordToken, problemSchema, read } from "./latchkey-client.ts";
import { expectEqual, type Stage } from "./stage.ts";

const CONNECTOR = "azure-platform";
const SECRET = "https://examplevault.vault.azure.net/secrets/example-secret";
const SUBSCRIPTION_NAME = "ZenML Subscription";
const PLACE = { project: "vision", domain: "production" };

const secretSchema = z.object({
  rule: z.string(),
  exposedUntil: z.null(),
  credential: z.object({ value: z.string(), version: z.string(), mount: z.object({ path: z.string() }) }),
});
const tokenSchema = z.object({
  rule: z.string(),
  displayName: z.string(),
  expiresAt: z.string(),
  warnings: z.array(z.string()),
  credential: z.object({ token: z.string(), audience: z.string() }),
});
const subscriptionsSchema = z.object({ value: z.array(z.object({ displayName: z.string() })) });

/** Done before the first credential is asked for: a process goes by policy for some seconds. @param admin may set it */
export async function allowSecret(stage: Stage, system: LocalSystem, admin: Client): Promise<void> {
  await stage.step(`Register ${CONNECTOR}, and grant one secret and one subscription through it`, async (show) => {
    const { clientId, secret } = applicationOf(system.seed, "zenml-connector");
    const registered = await admin.call("POST", "connectors", {
      name: CONNECTOR,
      authMethod: "service-principal",
      configuration: { tenantId: system.seed.tenant.id, clientId },
      secrets: { clientSecret: secret },
      resourceTypes: ["key-vault-secret", "azure-generic"],
    });
    expectEqual("status", registered.status, 201);
    const grant = { connector: CONNECTOR, ...PLACE };
    const subscription = `/subscriptions/${system.seed.subscriptions[0]?.id}`;
    const secretGrant = { ...grant, resourceId: SECRET, access: ["read"] };
    const tokenGrant = { ...grant, resourceId: subscription, access: ["use"], scope: { audience: "arm" } };
    expectEqual("status", (await admin.create("grants/vision-secret", secretGrant)).status, 200);
    expectEqual("status", (await admin.create("grants/vision-arm", tokenGrant)).status, 200);
    show.table(
      ["RECORD", "WHAT", "MAY"],
      [
        ["grant vision-secret", "examplevault/example-secret", "read"],
        ["grant vision-arm", SUBSCRIPTION_NAME, "use, for Azure Resource Manager alone"],
      ],
    );
  });
}

/** @param system where lendBlob has made the data scientists members of the project */
export async function lendSecret(stage: Stage, system: LocalSystem): Promise<void> {
  stage.chapter("A workflow reads a vault secret, and a tool gets a token for Azure itself");
  const token = await passwordToken(system.seed, "scientist@zenmldemo.onmicrosoft.com");
  const scientist = createClient(system.apiUrl, token);
  await readSecret(stage, scientist);
  await useToken(stage, scientist);
}

async function readSecret(stage: Stage, scientist: Client): Promise<void> {
  await stage.step("POST /api/secrets/read: mounted as a FILE", async (show) => {
    const request = { group: SECRET, mountRequirement: "FILE", ...PLACE };
    const { credential, rule } = read(await scientist.call("POST", "secrets/read", request), 201, secretSchema);
    show.fact("version", `${credential.version}, by ${rule}`);
    show.fact("file", `${credential.mount.path}, ${credential.value.length} characters`);
    show.fact("exposed", "until somebody changes it: a value that was read cannot be taken back");
    const other = await scientist.call("POST", "secrets/read", { ...request, group: `${SECRET}-of-others` });
    expectEqual("another secret", problemSchema.parse(other.body).code, "DENIED");
    show.fact("another secret", `${other.status} DENIED`);
  });
}

async function useToken(stage: Stage, scientist: Client): Promise<void> {
  await stage.step(`POST /api/connectors/${CONNECTOR}/credentials: a token for ARM, used there`, async (show) => {
    const ask = (audience: string) =>
      scientist.call("POST", `connectors/${CONNECTOR}/credentials`, {
        resourceType: "azure-generic",
        resourceId: SUBSCRIPTION_NAME,
        access: ["use"],
        scope: { audience },
        ...PLACE,
      });
    const { credential, expiresAt, warnings, rule } = read(await ask("arm"), 201, tokenSchema);
    const answer = await fetch(`${credential.audience}/subscriptions?api-version=2022-12-01`, {
      headers: { authorization: `Bearer ${credential.token}` },
    });
    const { value } = subscriptionsSchema.parse(await answer.json());
    expectEqual(
      "subscriptions",
      value.map(({ displayName }) => displayName),
      [SUBSCRIPTION_NAME],
    );
    show.fact("expires", `${expiresAt}, by ${rule}`);
    show.fact("warning", warnings.join(" "));
    show.fact("GET /subscriptions", `${answer.status} ${value.map(({ displayName }) => displayName).join(", ")}`);
    const other = await ask("key-vault");
    expectEqual("a token for vaults", problemSchema.parse(other.body).code, "SCOPE_TOO_WIDE");
    show.fact("for key vaults", `${other.status} SCOPE_TOO_WIDE`);
  });
}
