import { expect, test } from "vitest";
import { pathShape } from "../../../../../infra/local/azure/arm/arm.ts";

test("pathShape: leaves out names and keeps types", () => {
  expect(pathShape("/subscriptions/1/resourceGroups/g/providers/Microsoft.Web/sites/s/config/web")).toBe(
    "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Web/sites/{}/config/{}",
  );
  expect(pathShape("/subscriptions/1/providers/Microsoft.Storage/storageAccounts")).toBe(
    "/subscriptions/{}/providers/Microsoft.Storage/storageAccounts",
  );
  expect(pathShape("/providers/Microsoft.ResourceGraph/resources")).toBe(
    "/providers/Microsoft.ResourceGraph/resources",
  );
});
