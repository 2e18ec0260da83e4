/** The calls of the banner that keep a registry small: a connector, old images, a policy, a plan. Used by banner.ts. */
import type { Seed } from "./seed.ts";

/** Makes the text of calls: a curl command up to its body. */
type Calls = {
  post(path: string, body: unknown): string;
  /** Prints nothing. */
  create(path: string, body: unknown): string;
};

/** Images, one every 6 hours: 75 days. */
const OLD_IMAGES = { repository: "nightly/train", count: 300, ageSeconds: 3_600, stepSeconds: 21_600 };
const WEEKLY = {
  connector: "registry-keeper",
  schedule: { preset: "weekly" },
  rules: [{ name: "old", action: "delete", repositories: "^(?!keep-repo).*", tags: ".*", untagged: true }],
};

/** @param keeper what the connector signs in as @param where addresses of the app and of the control endpoint, the registry's name */
export function purgeSteps(
  seed: Seed,
  keeper: Seed["applications"][number],
  where: { readonly apiUrl: string; readonly controlUrl: string; readonly registry: string },
  { post, create }: Calls,
): { readonly comment: string; readonly bash: string }[] {
  const loginServer = `${where.registry}.azurecr.io`;
  const policy = `registries/${loginServer}/purge-policies/weekly`;
  const register = post("connectors", {
    name: WEEKLY.connector,
    authMethod: "service-principal",
    configuration: { tenantId: seed.tenant.id, clientId: keeper.clientId },
    secrets: { clientSecret: keeper.secret ?? "" },
    resourceTypes: ["docker-registry", "kubernetes-cluster"],
  });
  const images = JSON.stringify({ loginServer, ...OLD_IMAGES });
  const bearer = `-H "Authorization: Bearer $TOKEN"`;
  return [
    {
      comment: `Keep the registry small: a connector that may delete there, ${OLD_IMAGES.count} images of the last 75 days, and a policy (once, too).`,
      bash: [
        `${register}; echo`,
        `curl -sS -o /dev/null ${where.controlUrl}/registry/images -H 'Content-Type: application/json' \\\n  -d '${images}'`,
        create(policy, WEEKLY),
      ].join("\n"),
    },
    {
      comment:
        "See what would go; nothing is deleted. README.md goes on from here, to each image and to the purge itself.",
      bash: [
        `PLAN=$(curl -sS -X POST ${where.apiUrl}/api/${policy}/plan ${bearer} | node -pe 'JSON.parse(fs.readFileSync(0)).id')`,
        `until RUN=$(curl -sS "${where.apiUrl}/api/purge-runs/$PLAN" ${bearer}) && [[ $RUN == *'"endedAt":"'* ]]; do sleep 1; done`,
        `echo "$RUN"`,
      ].join("\n"),
    },
  ];
}
