import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  meansRegistry,
  parseRegistryName,
  readRegistryName,
  registryArmId,
} from "../../../../shared/connectors/registry.ts";
import { SUBSCRIPTION } from "../../../support/fakes.ts";

const id = { subscriptionId: SUBSCRIPTION, resourceGroup: "demo-zenml-demos", registry: "demozenmlcontainerregistry" };
const ARM = registryArmId(id);
const name = fc.stringMatching(/^[a-zA-Z0-9]{5,50}$/);

describe("parseRegistryName", () => {
  test("reads back every ARM id, in any case", () => {
    fc.assert(
      fc.property(fc.uuid(), fc.stringMatching(/^[-\w.()]{0,30}[-\w()]$/), name, (subscriptionId, group, registry) => {
        const armId = registryArmId({ subscriptionId, resourceGroup: group, registry });
        for (const text of [armId, armId.toUpperCase(), armId.toLowerCase()]) {
          const read = parseRegistryName(text);
          if (read.kind !== "id") return false;
          expect(registryArmId(read.id).toLowerCase()).toBe(armId.toLowerCase());
          expect(read.id.subscriptionId).toBe(subscriptionId);
        }
        return meansRegistry(armId.toUpperCase(), armId);
      }),
    );
  });

  test("a host of each cloud and a bare name mean the registry of this name, in any case", () => {
    fc.assert(
      fc.property(name, fc.constantFrom("azurecr.io", "azurecr.us", "azurecr.cn"), (registry, suffix) => {
        const armId = registryArmId({ ...id, registry });
        const host = `${registry}.${suffix}`;
        for (const text of [host, `https://${host}`, `https://${host}/`, host.toUpperCase()]) {
          expect(parseRegistryName(text)).toEqual({
            kind: "host",
            loginServer: host.toLowerCase(),
            registry: registry.toLowerCase(),
          });
          expect(meansRegistry(text, armId)).toBe(true);
        }
        expect(meansRegistry(registry.toUpperCase(), armId)).toBe(true);
        expect(meansRegistry(`${registry}x`, armId)).toBe(false);
      }),
    );
  });

  test("a host with Azure's hash keeps it, and means the name before it", () => {
    expect(parseRegistryName("contosoacr-b2c3d4e5f6.azurecr.io")).toEqual({
      kind: "host",
      loginServer: "contosoacr-b2c3d4e5f6.azurecr.io",
      registry: "contosoacr",
    });
  });

  test.each([
    "",
    "acr1",
    "a".repeat(51),
    "my-registry",
    "registry.example.org",
    "demoregistry.azurecr.io.evil.example",
    "demoregistry.azurecr.io:443",
    "demoregistry.azurecr.io:8443",
    "demoregistry.azurecr.io/repo",
    "demoregistry.azurecr.io//",
    "demoregistry.azurecr.io.",
    "demoregistry.azurecr.io?x",
    "demoregistry.azurecr.io#x",
    "demoregistry.azurecr.io\n",
    "demoregistry.azurecr.io\0",
    "user@demoregistry.azurecr.io",
    "https://demoregistry.azurecr.io@evil.example",
    "https://evil.example/demoregistry.azurecr.io",
    "evil.example\\.demoregistry.azurecr.io",
    "http://demoregistry.azurecr.io",
    "https:/demoregistry.azurecr.io",
    "//demoregistry.azurecr.io",
    "demoregistry.westeurope.data.azurecr.io",
    "demoregistryazurecr.io",
    "demoregistry.azurecr.de",
    "demoregistry.azurecrxio",
    "demoreg\u017ftry",
    "demoreg\u017ftry.azurecr.io",
    "dem\u043eregistry.azurecr.io",
    "demoregistry.azurecr\u3002io",
    "-demoregistry.azurecr.io",
    "demoregistry-.azurecr.io",
    "demo%2eregistry.azurecr.io",
    "..",
  ])("refuses %j", (text) => {
    expect(() => parseRegistryName(text)).toThrow(expect.objectContaining({ code: "INVALID_REQUEST" }));
  });

  test.each([
    ["demo-zenml-demos", ".."],
    ["demo-zenml-demos", "demo."],
    ["demo-zenml-demos", "a/b"],
    ["demo-zenml-demos", "a%2fb"],
    ["demozenmlcontainerregistry", ".."],
    ["demozenmlcontainerregistry", "demo?x=1"],
    ["demozenmlcontainerregistry", "demoregistry/webhooks/x"],
    ["demozenmlcontainerregistry", "demoregistry\n"],
    ["Microsoft.ContainerRegistry", "MicrosoftXContainerRegistry"],
    ["/registries/", "/registriesx/"],
    ["/subscriptions", "https://management.azure.com/subscriptions"],
    ["/subscriptions", "//subscriptions"],
    [SUBSCRIPTION, "0"],
    [SUBSCRIPTION, "------------------------------------"],
  ])("refuses an id with %j changed to %j", (from, to) => {
    expect(ARM).toContain(from);
    expect(readRegistryName(ARM.replace(from, to))).toBeNull();
  });

  test("whatever text comes, what is read is the host that a URL of it has, and none but a registry's", () => {
    const pieces = fc.constantFrom(
      "demoregistry",
      ".azurecr.io",
      "https://",
      "/",
      "@",
      ":443",
      "evil.example",
      "-a",
      "#",
      "?",
      "\\",
      "%2f",
      "\n",
    );
    const nasty = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(pieces, { maxLength: 6 }).map((parts) => parts.join("")),
    );
    fc.assert(
      fc.property(nasty, (text) => {
        const read = readRegistryName(text);
        if (read?.kind !== "host") return;
        expect(read.loginServer).toMatch(/^[a-z0-9]{5,50}(-[a-z0-9]{1,32})?\.azurecr\.(io|us|cn)$/);
        expect(new URL(text.startsWith("https://") ? text : `https://${text}`).href).toBe(
          `https://${read.loginServer}/`,
        );
      }),
    );
  });

  test("a very long text is refused without long thinking", () => {
    for (const unit of ["a", "a-", "/", "(", ".azurecr.io"]) {
      expect(readRegistryName(unit.repeat(200_000))).toBeNull();
      expect(readRegistryName(ARM.replace("demo-zenml", unit.repeat(200_000)))).toBeNull();
    }
  });
});

test("another registry's id, or no id at all, is not meant", () => {
  expect(meansRegistry(ARM.replace("demo-zenml-demos", "other"), ARM)).toBe(false);
  expect(meansRegistry("demozenmlcontainerregistry", "demozenmlcontainerregistry")).toBe(false);
  expect(meansRegistry("", ARM)).toBe(false);
});
