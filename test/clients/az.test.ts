/** Azure CLI: signs in at the local Entra, reads with Azure Resource Manager, calls the app and uses what it lends. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { clientCertificateFile } from "../../infra/local/azure/entra/client-certificates.ts";
import { identitiesOf } from "../../infra/local/seed.ts";
import { applicationOf, type ClientRun, type ClientSystem, startClientSystem } from "./client-system.ts";
import { idsOf, openInventory } from "./inventory.ts";
import { allowLending, CONTAINER, callApi, issue, lentSas, OTHER_CONTAINER, registerConnector } from "./lending.ts";

/** Each is signed in apart, in a settings folder of its own. */
type Identity =
  | "platform-automation"
  | "zenml-connector"
  | "zenml-certificate"
  | "zenml-federated"
  | "research-connector"
  | "stranger"
  | "nobody"
  | "admin";

let system: ClientSystem;

beforeAll(async () => {
  system = await startClientSystem();
  writeFileSync(join(system.home, "model.txt"), "weights");
  for (const identity of ["platform-automation", "zenml-connector", "research-connector"] as const) {
    const signedIn = await signIn(identity);
    expect(signedIn.code, signedIn.stderr).toBe(0);
  }
});
afterAll(() => system?.stop());

function az(identity: Identity, ...args: string[]): Promise<ClientRun> {
  const env = {
    AZURE_CONFIG_DIR: join(system.home, `azure-${identity}`),
    AZURE_CORE_COLLECT_TELEMETRY: "no",
    AZURE_CORE_NO_COLOR: "yes",
  };
  return system.run("az", [...args, "--output", "json"], { env });
}

function signIn(
  identity: "platform-automation" | "zenml-connector" | "research-connector" | "stranger",
  secret?: string,
): Promise<ClientRun> {
  const application = applicationOf(system.seed, identity);
  const password = secret ?? application.secret;
  const who = ["--service-principal", "-u", application.clientId, "-p", password, "--tenant", system.seed.tenant.id];
  return az(identity, "login", ...who);
}

/** What az printed as JSON. */
async function answer(run: Promise<ClientRun>): Promise<unknown> {
  const { code, stdout, stderr } = await run;
  expect(code, stderr).toBe(0);
  return stdout === "" ? undefined : JSON.parse(stdout);
}

/** One member of every item of a list. */
function each(list: unknown, member: string): unknown[] {
  return Array.isArray(list) ? list.map((item) => Reflect.get(Object(item), member)) : [];
}

async function appToken(): Promise<string> {
  const token = await answer(az("platform-automation", "account", "get-access-token", "--resource", "api://latchkey"));
  return String(Reflect.get(Object(token), "accessToken"));
}

describe("az login", () => {
  test("az: finds the subscription that its service principal may see", async () => {
    expect(await answer(az("zenml-connector", "account", "list"))).toMatchObject([
      {
        id: system.seed.subscriptions[0]?.id,
        name: "ZenML Subscription",
        tenantId: system.seed.tenant.id,
        user: { type: "servicePrincipal" },
      },
    ]);
  });

  test("az: cannot sign in with a wrong secret", async () => {
    const refused = await signIn("stranger", "wrong");
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain("AADSTS7000215");
  });

  test("az: finds no subscription for an app without roles, and says so", async () => {
    const refused = await signIn("stranger");
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain("No subscriptions found");
  });

  test("az: signs an application in by its certificate, and by a token of the app's own identity", async () => {
    const { seed, appEnv } = system;
    const signInBy = (name: "zenml-certificate" | "zenml-federated", ...proof: string[]) => {
      const clientId = seed.applications.find((one) => one.name === name)?.clientId ?? "";
      return az(name, "login", "--service-principal", "-u", clientId, ...proof, "--tenant", seed.tenant.id);
    };
    const found = [{ id: seed.subscriptions[0]?.id, user: { type: "servicePrincipal" } }];
    const file = clientCertificateFile(system.stateDir, "zenml-certificate");
    expect(await answer(signInBy("zenml-certificate", "-p", file))).toMatchObject(found);

    const own = identitiesOf(seed).find(({ identity }) => identity.attachedToApp)?.identity.clientId;
    const asked = `api-version=2019-08-01&resource=api://AzureADTokenExchange&client_id=${own}`;
    const headers = { "X-IDENTITY-HEADER": appEnv.IDENTITY_HEADER };
    const exchanged: unknown = await (await fetch(`${appEnv.IDENTITY_ENDPOINT}?${asked}`, { headers })).json();
    const token = String(Reflect.get(Object(exchanged), "access_token"));
    expect(await answer(signInBy("zenml-federated", "--federated-token", token))).toMatchObject(found);
  });

  test("az: signs a person in with name and password", async () => {
    const user = system.seed.users.find(({ name }) => name.startsWith("admin@"));
    const who = ["-u", user?.name ?? "", "-p", user?.password ?? "", "--tenant", system.seed.tenant.id];
    expect(await answer(az("admin", "login", ...who))).toMatchObject([{ user: { name: user?.name, type: "user" } }]);
    expect(each(await answer(az("admin", "group", "list")), "name")).toContain("demo-zenml-demos");
  });
});

describe("az with Azure Resource Manager", () => {
  test("az: lists resource groups and storage accounts, and shows one account", async () => {
    const groups = each(await answer(az("zenml-connector", "group", "list")), "name");
    expect(groups).toEqual(expect.arrayContaining(["demo-zenml-demos", "other-team"]));
    const accounts = await answer(az("zenml-connector", "storage", "account", "list", "-g", "demo-zenml-demos"));
    expect(each(accounts, "name").sort()).toEqual(["demozenmlarchive", "demozenmlartifacts"]);
    const shown = await answer(
      az("zenml-connector", "storage", "account", "show", "-n", CONTAINER.account, "-g", "demo-zenml-demos"),
    );
    expect(shown).toMatchObject({
      kind: "StorageV2",
      primaryEndpoints: { blob: `https://${CONTAINER.account}.blob.core.windows.net/` },
    });
  });
});

describe("az lists what the inventory lists", () => {
  const research = (...args: string[]) => answer(az("research-connector", ...args, "--subscription", "ZenML Research"));

  test("az: registries and clusters, and shows one of each", async () => {
    expect(each(await research("acr", "list"), "loginServer").sort()).toEqual([
      "demozenmlcontainerregistry-e7ggejfuhzhgedc8.azurecr.io",
      "researchabacregistry.azurecr.io",
      "researchadminregistry.azurecr.io",
    ]);
    expect(await research("acr", "show", "-n", "researchadminregistry")).toMatchObject({ adminUserEnabled: true });
    const clusters = await research("aks", "list");
    expect(each(clusters, "name").sort()).toEqual([
      "demo-zenml-terraform-cluster",
      "nightly",
      "secure",
      "training",
      "training",
    ]);
    expect(await research("aks", "show", "-n", "training", "-g", "research-speech")).toMatchObject({
      disableLocalAccounts: true,
      aadProfile: { enableAzureRbac: true },
    });
  });

  test("az: identities, vaults, groups and containers", async () => {
    const identities = await answer(az("zenml-connector", "identity", "list"));
    expect(each(identities, "name").sort()).toEqual([
      "flyteuser-speech",
      "flyteuser-vision",
      "latchkey-app-identity",
      "userflyterole",
    ]);
    const ofGroup = await answer(az("zenml-connector", "identity", "list", "-g", "demo-zenml-demos"));
    expect(each(ofGroup, "name")).toHaveLength(3);
    expect(each(await research("keyvault", "list"), "name").sort()).toEqual(["research-policies", "research-roles"]);
    const vaults = await research("keyvault", "list", "-g", "research-speech");
    expect(vaults).toMatchObject([{ properties: { enableRbacAuthorization: true } }]);
    expect(each(await research("group", "list"), "name").sort()).toEqual(["research-speech", "research-vision"]);
    const inAccount = ["--storage-account", "researchspeechlake", "-g", "research-speech"];
    const containers = await research("storage", "container-rm", "list", ...inAccount);
    expect(each(containers, "name").sort()).toEqual(["datasets", "raw-audio"]);
  });

  test("az: registries, clusters and containers are those of the inventory, neither more nor less", async () => {
    const inventory = await openInventory(system, await appToken(), "research-connector", "ZenML Research");
    expect(await inventory("docker-registry")).toEqual(idsOf(await research("acr", "list"), "id"));
    expect(await inventory("kubernetes-cluster")).toEqual(idsOf(await research("aks", "list"), "id"));
    const containers: string[] = [];
    for (const account of each(await research("storage", "account", "list"), "name")) {
      const listed = await research("storage", "container-rm", "list", "--storage-account", String(account));
      containers.push(...idsOf(listed, "id"));
    }
    expect(containers.length).toBeGreaterThan(0);
    expect(await inventory("blob-container")).toEqual(containers.toSorted());
  });

  test("az: its own permissions at a resource", async () => {
    const subscription = system.seed.subscriptions[0]?.id;
    const registry = `/subscriptions/${subscription}/resourceGroups/demo-zenml-demos/providers/Microsoft.ContainerRegistry/registries/demozenmlcontainerregistry`;
    const url = `${registry}/providers/Microsoft.Authorization/permissions?api-version=2022-04-01`;
    const { value } = Object(await answer(az("zenml-connector", "rest", "--url", url)));
    expect(value).toMatchObject([
      { actions: ["*/read"] },
      { actions: expect.arrayContaining([expect.stringContaining("push/write")]) },
      { actions: expect.arrayContaining([expect.stringContaining("tokens/write")]) },
    ]);
  });
});

describe("az with the app", () => {
  test("az: its token registers a connector and issues a credential, which az then uses", async () => {
    const token = await appToken();
    expect((await registerConnector(system, token)).status).toBe(201);
    await allowLending(system, token);
    const issued = await issue(system, token, ["read", "write", "list"]);
    expect(issued.status, issued.text).toBe(201);
    const { sasToken } = lentSas(issued);
    const blobs = (verb: string, ...args: string[]) =>
      // The user is signed in as nobody: the credential alone must do.
      az("nobody", "storage", "blob", verb, "--account-name", CONTAINER.account, "--sas-token", sasToken, ...args);
    const container = ["--container-name", CONTAINER.name];

    await answer(blobs("upload", ...container, "--name", "az/model.txt", "--file", "model.txt", "--no-progress"));
    const names = each(await answer(blobs("list", ...container, "--prefix", "az/")), "name");
    expect(names).toEqual(["az/model.txt"]);
    const down = ["--name", "az/model.txt", "--file", "down.txt", "--no-progress"];
    await answer(blobs("download", ...container, ...down));
    expect(readFileSync(join(system.home, "down.txt"), "utf8")).toBe("weights");

    const removed = await blobs("delete", ...container, "--name", "az/model.txt");
    expect(removed.code).not.toBe(0);
    expect(await system.lastStatus("DELETE", `/${CONTAINER.name}/az/model.txt`)).toBe(403);
    const outside = await blobs("list", "--container-name", OTHER_CONTAINER);
    expect(outside.code).not.toBe(0);
    expect(await system.lastStatus("GET", `/${OTHER_CONTAINER}`)).toBe(403);
  });

  test("az: a token for Azure Resource Manager is not one for the app", async () => {
    const forArm = await answer(az("platform-automation", "account", "get-access-token"));
    const token = String(Reflect.get(Object(forArm), "accessToken"));
    expect(await callApi(system, token, "connectors")).toMatchObject({
      status: 401,
      json: { code: "TOKEN_WRONG_AUDIENCE" },
    });
  });
});

describe("az storage with the caller's own rights", () => {
  const inAccount = ["--auth-mode", "login", "--account-name", CONTAINER.account];

  test("az: writes and lists with a data role", async () => {
    const blob = ["--container-name", OTHER_CONTAINER, "--name", "az/own.txt", "--file", "model.txt", "--no-progress"];
    await answer(az("zenml-connector", "storage", "blob", "upload", ...inAccount, ...blob));
    const listed = await answer(
      az("zenml-connector", "storage", "blob", "list", ...inAccount, "--container-name", OTHER_CONTAINER),
    );
    expect(each(listed, "name")).toContain("az/own.txt");
  });

  test("az: cannot read data with Contributor alone", async () => {
    const refused = await az(
      "platform-automation",
      ...["storage", "blob", "list", ...inAccount, "--container-name", OTHER_CONTAINER],
    );
    expect(refused.code).not.toBe(0);
    expect(await system.lastStatus("GET", `/${OTHER_CONTAINER}`)).toBe(403);
  });
});
