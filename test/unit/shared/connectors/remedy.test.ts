import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ROLES } from "../../../../shared/connectors/access-needs.ts";
import {
  assignRole,
  containerTarget,
  resourceTarget,
  secretTarget,
  setAccessPolicy,
} from "../../../../shared/connectors/remedy.ts";
import { OBJECT, SUBSCRIPTION, TENANT } from "../../../support/fakes.ts";

const who = { tenantId: TENANT, objectId: OBJECT, kind: "ServicePrincipal" } as const;
const ACCOUNT = `/subscriptions/${SUBSCRIPTION}/resourceGroups/demos/providers/Microsoft.Storage/storageAccounts/artifacts`;
const STORE = `${ACCOUNT}/blobServices/default/containers/store`;
const READER = ROLES.blobReader;

describe("assignRole", () => {
  test("names role, scope, command and template for a container", () => {
    const remedy = assignRole(READER, containerTarget(STORE, { account: "artifacts", container: "store" }), who);
    expect(remedy).toEqual({
      role: "Storage Blob Data Reader",
      roleDefinitionId: `/providers/Microsoft.Authorization/roleDefinitions/${READER.id}`,
      scope: STORE,
      az: `az role assignment create --assignee-object-id ${OBJECT} --assignee-principal-type ServicePrincipal --role "Storage Blob Data Reader" --scope "${STORE}"`,
      bicep: [
        "resource target 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01' existing = { name: 'artifacts/default/store' }",
        `resource grant 'Microsoft.Authorization/roleAssignments@2022-04-01' = { name: guid(target.id, '${OBJECT}', '${READER.id}'), scope: target, properties: { principalId: '${OBJECT}', principalType: 'ServicePrincipal', roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '${READER.id}') } }`,
      ].join("\n"),
      optional: false,
    });
  });

  test("a person is assigned as one", () => {
    const remedy = assignRole(ROLES.acrPull, resourceTarget("Microsoft.Storage/storageAccounts", ACCOUNT), {
      ...who,
      kind: "User",
    });
    expect(remedy?.az).toContain(" --assignee-principal-type User ");
    expect(remedy?.bicep).toContain("principalType: 'User'");
  });

  test("a resource by its own type and name", () => {
    const remedy = assignRole(ROLES.blobDelegator, resourceTarget("Microsoft.Storage/storageAccounts", ACCOUNT), who);
    expect(remedy?.scope).toBe(ACCOUNT);
    expect(remedy?.bicep).toContain("'Microsoft.Storage/storageAccounts@2023-05-01' existing = { name: 'artifacts' }");
  });

  test("a secret by its URL: az looks up where its vault is", () => {
    const secret = { cloud: "public", vault: "examplevault", name: "example-secret" } as const;
    const url = "https://examplevault.vault.azure.net/secrets/example-secret";
    const remedy = assignRole(ROLES.secretsUser, secretTarget(secret, url), who);
    expect(remedy?.scope).toBe(url);
    expect(remedy?.az).toContain(
      '--scope "$(az keyvault show --name examplevault --query id --output tsv)/secrets/example-secret"',
    );
  });

  test.each(['"', "'", "$(id)", "`id`", "\\", "\n", ";", "!", "&", " "])(
    "a name with %j in it gets no command",
    (text) => {
      const scope = ACCOUNT.replace("demos", `demos${text}`);
      expect(assignRole(READER, resourceTarget("Microsoft.Storage/storageAccounts", scope), who)).toBeNull();
      const id = { account: "artifacts", container: `store${text}` };
      expect(assignRole(READER, containerTarget(STORE, id), who)).toBeNull();
      expect(
        assignRole(READER, containerTarget(STORE, { ...id, container: "c" }), { ...who, objectId: text }),
      ).toBeNull();
      expect(setAccessPolicy(`vault${text}`, ACCOUNT, who)).toBeNull();
    },
  );

  test("no name ends a quotation", () => {
    const property = fc.property(fc.string({ unit: "grapheme" }), (text) => {
      const remedy = assignRole(READER, resourceTarget("Microsoft.Storage/storageAccounts", `/${text}`), who);
      if (remedy !== null) expect(remedy.az.split('"')).toHaveLength(5);
    });
    fc.assert(property);
  });
});

test("setAccessPolicy: the vault's own command and template", () => {
  expect(setAccessPolicy("examplevault", ACCOUNT, who)).toMatchObject({
    role: null,
    roleDefinitionId: null,
    az: `az keyvault set-policy --name examplevault --object-id ${OBJECT} --secret-permissions get list`,
    bicep: expect.stringContaining(
      "'Microsoft.KeyVault/vaults/accessPolicies@2023-07-01' = { name: 'examplevault/add'",
    ),
  });
});
