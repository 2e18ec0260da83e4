/** What `npm start` prints when all is ready. Called by start.ts. */
import { clientCertificateFile } from "./azure/entra/client-certificates.ts";
import { tokenRequestUrl } from "./azure/github/jobs.ts";
import { purgeSteps } from "./banner-purge.ts";
import type { EmulatedAzure } from "./emulated-azure.ts";
import { type Seed, storageAccountsOf } from "./seed.ts";
import type { LocalSystem } from "./system.ts";

/** A call that a newcomer can paste: a comment and the bash that does it. */
type Step = { readonly comment: string; readonly bash: string };

/** Characters. */
const LABEL_WIDTH = 14;
/** What the first credential is for. */
const CONTAINER = "demo-zenmlartifactstore";
/** The registry and the cluster of the same page. */
const REGISTRY = "demozenmlcontainerregistry";
const CLUSTER = "demo-zenml-terraform-cluster";
const READ_TOKEN = "node -pe 'JSON.parse(fs.readFileSync(0)).access_token'";
const READ_VALUE = "node -pe 'JSON.parse(fs.readFileSync(0)).value'";

/**
 * Addresses first; from the first line that starts with `#` on, everything is one bash script.
 * @param paint marks headings, e.g. with colour
 * @throws Error when the seed lacks a name that the text shows
 */
export function banner(
  azure: EmulatedAzure,
  host: Pick<LocalSystem, "apiUrl" | "hostLog"> | undefined,
  seconds: number,
  paint: (heading: string) => string,
): string {
  const addresses: [string, string][] = [
    ["CONNECT proxy", azure.proxyUrl],
    ["Control", `${azure.controlUrl}/faults  ${azure.controlUrl}/requests`],
    ["Azure hosts", hostsOf(azure.seed).join(`\n${" ".repeat(LABEL_WIDTH + 3)}`)],
    ["Certificate", azure.caFile],
    ...certificatesOf(azure),
    ["Azurite log", azure.azuriteLog],
  ];
  if (host) {
    addresses.unshift(
      ["API", `${host.apiUrl}/api`],
      ["Health", `${host.apiUrl}/api/health`],
      ["Description", `${host.apiUrl}/api/openapi.json`],
    );
    addresses.push(["Host log", host.hostLog]);
  }
  const name = host ? "Latchkey" : "The local Azure";
  return [
    paint(`${name} is ready after ${seconds.toFixed(1)} s. Ctrl-C stops it; its state stays in ${azure.stateDir}.`),
    "",
    ...addresses.map(([label, value]) => `  ${label.padEnd(LABEL_WIDTH)} ${value}`),
    "",
    ...stepsFor(azure, host?.apiUrl).flatMap(({ comment, bash }) => [paint(`# ${comment}`), bash, ""]),
  ].join("\n");
}

/** With which applications sign in: where each one's key and certificate are. */
function certificatesOf({ seed, stateDir }: EmulatedAzure): [string, string][] {
  return seed.applications
    .filter(({ certificate }) => certificate)
    .map(({ name }) => ["Client PEM", clientCertificateFile(stateDir, name)]);
}

function hostsOf(seed: Seed): string[] {
  const groups = seed.subscriptions.flatMap(({ resourceGroups }) => resourceGroups);
  const vaults = groups.flatMap(({ keyVaults }) => keyVaults.map(({ name }) => name));
  const accounts = groups.flatMap(({ storageAccounts }) => storageAccounts.map(({ name }) => name));
  const registries = groups.flatMap((group) =>
    group.registries.map(({ name, domainNameLabel: label }) => (label === undefined ? name : `${name}-${label}`)),
  );
  return [
    "login.microsoftonline.com",
    "management.azure.com",
    `{${vaults.join(",")}}.vault.azure.net`,
    `{${accounts.join(",")}}.{blob,queue,table}.core.windows.net`,
    `{${registries.join(",")}}.azurecr.io`,
    // Their names are made by the resource provider: ARM and the kubeconfigs tell them.
    "*.hcp.{westeurope,northeurope}.azmk8s.io",
    "token.actions.githubusercontent.com",
  ];
}

function stepsFor(azure: EmulatedAzure, apiUrl: string | undefined): Step[] {
  const exports = Object.entries(azure.clientEnv).map(([name, value]) => `export ${name}=${quote(value)}`);
  const clients = {
    comment: "In another shell (bash): send curl, az, Python and Node to the local Azure.",
    bash: exports.join("\n"),
  };
  if (apiUrl !== undefined) return [clients, ...tokenSteps(azure.seed), ...firstCalls(azure, apiUrl)];
  const settings = Object.entries(azure.appEnv).map(([name, value]) => `export ${name}=${quote(value)}`);
  return [
    clients,
    {
      comment: "Where App Service tells the app to ask for tokens of its managed identities.",
      bash: settings.join("\n"),
    },
    { comment: "Then, in the folder of the app:", bash: "npm run build && func start" },
  ];
}

function tokenSteps(seed: Seed): Step[] {
  const tokenUrl = `https://login.microsoftonline.com/${seed.tenant.id}/oauth2/v2.0/token`;
  const automation = applicationOf(seed, "platform-automation");
  const admin = adminOf(seed);
  const job = jobOf(seed);
  const ask = (fields: Readonly<Record<string, string>>) => {
    const parts = Object.entries({ ...fields, scope: "api://latchkey/.default" });
    const data = parts.map(([name, value]) => ` \\\n  --data-urlencode ${quote(`${name}=${value}`)}`).join("");
    return `TOKEN=$(curl -sS ${tokenUrl}${data} | ${READ_TOKEN})`;
  };
  return [
    {
      comment: `A token as ${admin.name}, who is Latchkey.Admin (password sign-in works on the local Azure alone).`,
      bash: ask({
        grant_type: "password",
        client_id: applicationOf(seed, "latchkey-cli").clientId,
        username: admin.name,
        password: admin.password,
      }),
    },
    {
      comment: "Or as the pipeline platform-automation, which is Latchkey.Admin too.",
      bash: ask({
        grant_type: "client_credentials",
        client_id: automation.clientId,
        client_secret: automation.secret ?? "",
      }),
    },
    {
      comment: `Or as a job of GitHub Actions in ${job.repository}: it is github:${job.repositoryId}, with the role Latchkey.User.`,
      bash: `JOB_TOKEN=$(curl -sS -H ${quote(`Authorization: bearer ${job.requestToken}`)} \\\n  ${quote(`${tokenRequestUrl(job)}&audience=api://latchkey`)} | ${READ_VALUE})`,
    },
  ];
}

function firstCalls({ seed, controlUrl }: EmulatedAzure, apiUrl: string): Step[] {
  const connector = applicationOf(seed, "zenml-connector");
  const send = (options: string, path: string, body: unknown) =>
    `curl -sS ${options}${apiUrl}/api/${path} \\\n  -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\\n  -d ${quote(JSON.stringify(body))}`;
  const post = (path: string, body: unknown) => send("", path, body);
  const create = (path: string, body: unknown) => send("-o /dev/null -X PUT -H 'If-None-Match: *' ", path, body);
  const register = post("connectors", {
    name: "azure-service-principal",
    authMethod: "service-principal",
    configuration: { tenantId: seed.tenant.id, clientId: connector.clientId },
    secrets: { clientSecret: connector.secret ?? "" },
    resourceTypes: ["blob-container", "docker-registry", "kubernetes-cluster"],
  });
  const place = { project: "demo", domain: "local" };
  const membership = {
    principals: [
      `user:${seed.tenant.id}/${adminOf(seed).objectId}`,
      `app:${seed.tenant.id}/${applicationOf(seed, "platform-automation").objectId}`,
      `github:${jobOf(seed).repositoryId}`,
    ],
    ...place,
  };
  const { id } = find(
    storageAccountsOf(seed),
    (one) => one.account.containers.includes(CONTAINER),
    `container ${CONTAINER}`,
  );
  const grant = {
    connector: "azure-service-principal",
    resourceId: `${id}/blobServices/default/containers/${CONTAINER}`,
    access: ["read", "write", "list"],
    ...place,
  };
  const [subscription] = seed.subscriptions;
  const group = `/subscriptions/${subscription?.id}/resourceGroups/demo-zenml-demos/providers`;
  const images = {
    connector: "azure-service-principal",
    resourceId: `${group}/Microsoft.ContainerRegistry/registries/${REGISTRY}`,
    scope: { repositories: ["vision/*"] },
    access: ["read", "write"],
    forms: ["access-token", "docker-login"],
    ...place,
  };
  const namespace = {
    connector: "azure-service-principal",
    resourceId: `${group}/Microsoft.ContainerService/managedClusters/${CLUSTER}`,
    scope: { namespace: "vision" },
    access: ["use"],
    ...place,
  };
  const login = post("connectors/azure-service-principal/credentials", {
    resourceType: "docker-registry",
    resourceId: `${REGISTRY}.azurecr.io`,
    access: ["read", "write"],
    form: "docker-login",
  });
  const kubeconfig = post("connectors/azure-service-principal/credentials", {
    resourceType: "kubernetes-cluster",
    resourceId: CLUSTER,
    access: ["use"],
  });
  const member = (name: string) => `node -pe 'JSON.parse(process.argv[1]).credential.${name}'`;
  const issue = post("connectors/azure-service-principal/credentials", {
    resourceType: "blob-container",
    resourceId: `az://${CONTAINER}`,
    access: ["read", "write", "list"],
  });
  const url = `node -pe 'const c = JSON.parse(process.argv[1]).credential; c.containerUrl + "/hello.txt?" + c.sasToken'`;
  return [
    { comment: "Register a connector (once: it is kept).", bash: `${register}; echo` },
    {
      comment: "Say who works where, and what is reached from there: all three of the above (once, too).",
      bash: [
        create("memberships/demo", membership),
        create("grants/demo", grant),
        create("grants/demo-images", images),
        create("grants/demo-cluster", namespace),
      ].join("\n"),
    },
    {
      comment:
        "Ask it for a credential for one container. (On a system that is in use, ten seconds after what allows it.)",
      bash: `ISSUED=$(${issue}); echo "$ISSUED"`,
    },
    {
      comment: "Use the credential: write a blob and read it back.",
      bash: [
        `URL=$(${url} "$ISSUED")`,
        `curl -sS -X PUT -H 'x-ms-blob-type: BlockBlob' -d 'hello from Latchkey' "$URL"`,
        `curl -sS "$URL"; echo`,
      ].join("\n"),
    },
    {
      comment:
        "Ask for a docker login for repositories below vision/, and use it with skopeo where that is installed (docker login takes the same).",
      bash: [
        `LOGIN=$(${login})`,
        `${member("password")} "$LOGIN" | skopeo login --username "$(${member("username")} "$LOGIN")" --password-stdin ${REGISTRY}.azurecr.io`,
        `skopeo inspect docker://${REGISTRY}.azurecr.io/vision/train:latest`,
      ].join("\n"),
    },
    {
      comment: "Ask for a kubeconfig for the namespace vision, and use it with kubectl where that is installed.",
      bash: [
        `KUBE=$(${kubeconfig})`,
        `FILE=$(mktemp); ${member("kubeconfig")} "$KUBE" > "$FILE"`,
        `kubectl --kubeconfig "$FILE" get pods; rm "$FILE"`,
      ].join("\n"),
    },
    ...purgeSteps(
      seed,
      applicationOf(seed, "registry-keeper"),
      { apiUrl, controlUrl, registry: REGISTRY },
      { post, create },
    ),
  ];
}

function applicationOf(seed: Seed, wanted: string): Seed["applications"][number] {
  return find(seed.applications, ({ name }) => name === wanted, `application ${wanted}`);
}

function adminOf(seed: Seed): Seed["users"][number] {
  return find(seed.users, ({ name }) => name.startsWith("admin@"), "user admin@...");
}

function jobOf(seed: Seed): Seed["githubJobs"][number] {
  return find(seed.githubJobs, ({ name }) => name === "train", "job train");
}

function find<T>(items: readonly T[], test: (item: T) => boolean, what: string): T {
  const found = items.find(test);
  if (found === undefined) throw new Error(`seed.yaml has no ${what}`);
  return found;
}

/** For bash: as it is when that is safe, else in single quotes. */
function quote(text: string): string {
  return /^[\w./:@,=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
