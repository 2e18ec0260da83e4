/** Azure's MCP server, made of the .NET SDKs: signs in at the local Entra and lists what the inventory lists. */
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AZMCP, applicationOf, type ClientSystem, startClientSystem } from "./client-system.ts";
import { openInventory } from "./inventory.ts";
import { textAt, tokenFor } from "./lending.ts";

let system: ClientSystem;

beforeAll(async () => {
  system = await startClientSystem();
});
afterAll(() => system?.stop());

/** What a command found. */
async function azmcp(...args: string[]): Promise<unknown> {
  const application = applicationOf(system.seed, "research-connector");
  const env = {
    AZURE_TOKEN_CREDENTIALS: "EnvironmentCredential",
    AZURE_TENANT_ID: system.seed.tenant.id,
    AZURE_CLIENT_ID: application.clientId,
    AZURE_CLIENT_SECRET: application.secret,
    AZURE_MCP_COLLECT_TELEMETRY: "false",
    // It unpacks itself at every first start.
    DOTNET_BUNDLE_EXTRACT_BASE_DIR: join(system.home, "dotnet"),
  };
  const { stdout, stderr } = await system.run(AZMCP, args, { env });
  // Lines of its log come first.
  const start = `\n${stdout}`.lastIndexOf("\n{\n");
  const answer: unknown = start === -1 ? undefined : JSON.parse(stdout.slice(start));
  expect(answer, `${stdout}\n${stderr}`).toMatchObject({ status: 200 });
  return Reflect.get(Object(answer), "results");
}
/** One member of each item of a list, in order. */
function each(results: unknown, list: string, member: string): unknown[] {
  const items: unknown = Reflect.get(Object(results), list);
  return Array.isArray(items) ? items.map((item) => Reflect.get(Object(item), member)).toSorted() : [];
}

test("azmcp: lists the subscriptions of its service principal", async () => {
  const names = each(await azmcp("subscription", "list"), "subscriptions", "displayName");
  expect(names).toEqual(["ZenML Research", "ZenML Subscription"]);
});

test("azmcp: lists storage accounts, registries and clusters of a subscription by its name", async () => {
  const subscription = ["--subscription", "ZenML Research"];
  const accounts = await azmcp("storage", "account", "get", ...subscription);
  expect(each(accounts, "accounts", "name")).toEqual(["researchspeechlake", "researchvisiondata"]);
  const registries = await azmcp("acr", "registry", "list", ...subscription);
  expect(each(registries, "registries", "loginServer")).toEqual([
    "demozenmlcontainerregistry-e7ggejfuhzhgedc8.azurecr.io",
    "researchabacregistry.azurecr.io",
    "researchadminregistry.azurecr.io",
  ]);
  const clusters = await azmcp("aks", "cluster", "get", ...subscription);
  expect(each(clusters, "clusters", "name")).toEqual([
    "demo-zenml-terraform-cluster",
    "nightly",
    "secure",
    "training",
    "training",
  ]);
  const groups = await azmcp("group", "list", ...subscription);
  expect(each(groups, "groups", "name")).toEqual(["research-speech", "research-vision"]);
});

test("azmcp: registries and clusters are those of the inventory, neither more nor less", async () => {
  const subscription = ["--subscription", "ZenML Research"];
  const token = textAt(await tokenFor(system, "platform-automation"), "access_token");
  const inventory = await openInventory(system, token, "research-connector", "ZenML Research");
  // Its lists name no ids; of equal names each counts.
  const named = async (type: string) => (await inventory(type)).map((id) => id.split("/").at(-1)).toSorted();
  const registries = await azmcp("acr", "registry", "list", ...subscription);
  expect(await named("docker-registry")).toEqual(each(registries, "registries", "name"));
  const clusters = await azmcp("aks", "cluster", "get", ...subscription);
  expect(await named("kubernetes-cluster")).toEqual(each(clusters, "clusters", "name"));
});
