import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  blobContainerArmId,
  blobContainerDisplayName,
  parseBlobContainerName,
  sameText,
} from "../../../../shared/connectors/resource-name.ts";
import { SUBSCRIPTION } from "../../../support/fakes.ts";

const id = { subscriptionId: SUBSCRIPTION, resourceGroup: "demo-zenml.demos_(1)", account: "acc0", container: "con-1" };
const ARM = blobContainerArmId(id);

/** Each letter in a case of its own. */
const inAnyCase = (text: string) =>
  fc
    .array(fc.boolean(), { minLength: text.length, maxLength: text.length })
    .map((upper) => Array.from(text, (char, index) => (upper[index] ? char.toUpperCase() : char)).join(""));
const letters = (alphabet: string, minLength: number, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...alphabet), minLength, maxLength });
const anyId = fc.record({
  subscriptionId: fc.uuid(),
  resourceGroup: letters("aZ09-_.()", 0, 89).map((text) => `${text}x`),
  account: letters("az09", 3, 24),
  container: letters("az09", 3, 63),
});

describe("parseBlobContainerName", () => {
  test("reads back every canonical id, in any case", () => {
    const written = anyId.chain((made) => inAnyCase(blobContainerArmId(made)).map((text) => ({ made, text })));
    fc.assert(
      fc.property(written, ({ made, text }) => {
        const name = parseBlobContainerName(text);
        if (name.kind !== "id") return false;
        const { resourceGroup, ...exact } = name.id;
        expect(exact).toEqual({ ...exact, subscriptionId: made.subscriptionId, account: made.account });
        return exact.container === made.container && sameText(resourceGroup, made.resourceGroup);
      }),
    );
  });

  test.each([
    ["az://demo-zenmlartifactstore", "demo-zenmlartifactstore"],
    ["abfs://datasets", "datasets"],
    ["datasets", "datasets"],
    ["0a1", "0a1"],
    ["a".repeat(63), "a".repeat(63)],
  ])("takes the alias %s", (text, container) => {
    expect(parseBlobContainerName(text)).toEqual({ kind: "alias", container });
  });

  test.each([
    "",
    "ab",
    "a".repeat(64),
    "a--b",
    "-abc",
    "abc-",
    "Datasets",
    "$web",
    "$logs",
    "$root",
    "data sets",
    "data\0sets",
    "datasets\n",
    "\ndatasets",
    "datasets.",
    "datasets/",
    "az://datasets/blob",
    "az://datasets?sv=1",
    "az://datasets#x",
    "az://user@datasets",
    "az://user:pw@datasets",
    "az://datasets:443",
    "AZ://datasets",
    "az:datasets",
    "az:///datasets",
    "az://az://datasets",
    "wasbs://datasets",
    "https://acc0.blob.core.windows.net/datasets",
    "//datasets",
    "..",
    "az://..",
    "../datasets",
    "data%2fsets",
    "data%2e%2e",
    "ｄatasets",
    "dаtasets",
    "dataſets",
    "datasets\u200b",
  ])("refuses as alias: %j", (text) => {
    expect(() => parseBlobContainerName(text)).toThrow(expect.objectContaining({ code: "INVALID_REQUEST" }));
  });

  const swapped: [string, string][] = [
    ["/demo-zenml.demos_(1)/", "/../"],
    ["/demo-zenml.demos_(1)/", "/./"],
    ["/demo-zenml.demos_(1)/", "/demo./"],
    ["/demo-zenml.demos_(1)/", "/a/b/"],
    ["/demo-zenml.demos_(1)/", "/a%2fb/"],
    ["/demo-zenml.demos_(1)/", "/a?b/"],
    ["/demo-zenml.demos_(1)/", "/a b/"],
    ["/demo-zenml.demos_(1)/", `/${"a".repeat(91)}/`],
    ["/demo-zenml.demos_(1)/", "//"],
    [SUBSCRIPTION, "not-a-subscription"],
    [SUBSCRIPTION, `${SUBSCRIPTION}0`],
    ["acc0", "a"],
    ["acc0", "acc.example.org"],
    ["acc0", "acc-0"],
    ["acc0", "a".repeat(25)],
    ["con-1", "$web"],
    ["con-1", ".."],
    ["con-1", "con%2f1"],
    ["con-1", "con-1/blobs/x"],
    ["con-1", "con-1\n"],
    ["con-1", "con-1?api-version=1"],
    ["con-1", "cön"],
    ["Microsoft.Storage", "MicrosoftXStorage"],
    ["Microsoft.Storage", "Microsoft.Compute"],
    ["/default/", "/other/"],
    ["/subscriptions", "subscriptions"],
    ["/subscriptions", "https://management.azure.com/subscriptions"],
    ["/subscriptions", "//subscriptions"],
    ["con-1", ""],
  ];
  test.each(swapped)("refuses an id with %j changed to %j", (from, to) => {
    expect(ARM).toContain(from);
    expect(() => parseBlobContainerName(ARM.replace(from, to))).toThrow(
      expect.objectContaining({ code: "INVALID_REQUEST" }),
    );
  });

  test("whatever text comes, it is a name or INVALID_REQUEST, and what is a name can stand in a URL as it is", () => {
    const pieces = fc.constantFrom("/", "..", "az://", "abfs://", "a", "-", "%2f", "@", "\n", ARM, "containers/");
    const nasty = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(pieces).map((parts) => parts.join("")),
    );
    fc.assert(
      fc.property(nasty, (text) => {
        let name: ReturnType<typeof parseBlobContainerName>;
        try {
          name = parseBlobContainerName(text);
        } catch (error) {
          expect(error).toMatchObject({ code: "INVALID_REQUEST" });
          return;
        }
        const path = name.kind === "id" ? blobContainerArmId(name.id) : `/${name.container}`;
        expect(new URL(path, "https://management.azure.com").pathname).toBe(path);
      }),
    );
  });

  test("a very long text is refused without long thinking", () => {
    for (const unit of ["a", "a-", "/", "(", "az://"]) {
      expect(() => parseBlobContainerName(unit.repeat(100_000))).toThrow();
      expect(() => parseBlobContainerName(ARM.replace("demo-zenml", unit.repeat(100_000)))).toThrow();
    }
  });

  test("a refusal does not repeat the text", () => {
    expect(() => parseBlobContainerName("sv=2024&sig=abc")).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining("sig=abc") }),
    );
  });
});

test("the display name is the alias", () => {
  expect(parseBlobContainerName(blobContainerDisplayName(id))).toEqual({ kind: "alias", container: id.container });
});
