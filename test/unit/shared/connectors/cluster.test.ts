import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  clusterArmId,
  clusterDisplayName,
  meansCluster,
  parseClusterName,
  readClusterName,
} from "../../../../shared/connectors/cluster.ts";
import { SUBSCRIPTION } from "../../../support/fakes.ts";

const id = { subscriptionId: SUBSCRIPTION, resourceGroup: "demo-zenml-demos", cluster: "demo-zenml-terraform-cluster" };
const ARM = clusterArmId(id);
const anyId = fc.record({
  subscriptionId: fc.uuid(),
  resourceGroup: fc.stringMatching(/^[-\w.()]{0,30}[-\w()]$/),
  cluster: fc.stringMatching(/^[a-zA-Z0-9]([-\w]{0,61}[a-zA-Z0-9])?$/),
});

describe("parseClusterName", () => {
  test("reads back every ARM id and every name that people see, in any case; all mean the cluster", () => {
    fc.assert(
      fc.property(anyId, (made) => {
        const armId = clusterArmId(made);
        const read = parseClusterName(armId.toUpperCase());
        if (read.kind !== "id") return false;
        expect(clusterArmId(read.id).toLowerCase()).toBe(armId.toLowerCase());
        const { resourceGroup, cluster } = made;
        expect(parseClusterName(clusterDisplayName(made))).toEqual({ kind: "alias", resourceGroup, cluster });
        expect(parseClusterName(cluster)).toEqual({ kind: "alias", resourceGroup: null, cluster });
        const meant = [armId.toUpperCase(), clusterDisplayName(made).toUpperCase(), cluster.toLowerCase()];
        return meant.every((text) => meansCluster(text, armId));
      }),
    );
  });

  test("another group's or subscription's cluster is not meant", () => {
    expect(meansCluster(`other/${id.cluster}`, ARM)).toBe(false);
    expect(meansCluster(ARM.replace(SUBSCRIPTION, "00000000-0000-4000-8000-000000000000"), ARM)).toBe(false);
    expect(meansCluster(id.cluster, id.cluster)).toBe(false);
  });

  test.each([
    "",
    "/",
    "/name",
    "group/",
    "group//name",
    "group/name/x",
    "../name",
    "./name",
    "group./name",
    "group/..",
    "group/-name",
    "group/name-",
    "group/name_",
    "_name",
    "name.",
    "na.me",
    "na me",
    "name\n",
    "group\n/name",
    "name\0",
    "name?x",
    "name#x",
    "na%2fme",
    "https://name",
    "name:443",
    "user@name",
    "ÿname",
    "\u017fname",
    "name\\x",
    "a".repeat(64),
    `${"a".repeat(91)}/name`,
  ])("refuses %j", (text) => {
    expect(() => parseClusterName(text)).toThrow(expect.objectContaining({ code: "INVALID_REQUEST" }));
  });

  test.each([
    ["demo-zenml-demos", ".."],
    ["demo-zenml-demos", "a b"],
    ["demo-zenml-terraform-cluster", ".."],
    ["demo-zenml-terraform-cluster", "name/agentPools/x"],
    ["Microsoft.ContainerService", "Microsoft.ContainerRegistry"],
    ["/subscriptions", "https://management.azure.com/subscriptions"],
  ])("refuses an id with %j changed to %j", (from, to) => {
    expect(ARM).toContain(from);
    expect(readClusterName(ARM.replace(from, to))).toBeNull();
  });

  test("whatever text comes, what is read can stand in a URL as it is", () => {
    const pieces = fc.constantFrom("/", "..", "a", "-", "%2f", "@", "\n", ARM, "group/", "?");
    const nasty = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(pieces, { maxLength: 6 }).map((parts) => parts.join("")),
    );
    fc.assert(
      fc.property(nasty, (text) => {
        const name = readClusterName(text);
        if (name === null) return;
        const path = name.kind === "id" ? clusterArmId(name.id) : `/${name.resourceGroup ?? "g"}/${name.cluster}`;
        expect(new URL(path, "https://management.azure.com").pathname).toBe(path);
      }),
    );
  });
});
