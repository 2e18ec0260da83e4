import { describe, expect, test } from "vitest";
import { purgeMaxima, purgeRegistriesSchema } from "../../../shared/purge-registries.ts";

const HOST = "registryone.azurecr.io";
const cluster = { connector: "keeper", resourceId: "group/cluster", repositories: ["*"] };
const entry = { clusters: [cluster], maxItems: 10, maxSharePercent: 20 };
const read = (value: unknown) => purgeRegistriesSchema.safeParse(JSON.stringify(value));
const all = { maxItems: 50_000, maxSharePercent: 100 };

describe("LATCHKEY_PURGE_REGISTRIES", () => {
  test("is empty by default: no clusters, and the bounds for all", () => {
    const settings = { registries: purgeRegistriesSchema.parse(undefined), ...all };
    expect(settings.registries.size).toBe(0);
    expect(purgeMaxima(settings, HOST)).toEqual(all);
    expect(purgeMaxima(settings, "constructor")).toEqual(all);
  });

  test("takes registries with clusters and bounds; what is left out is as for all", () => {
    const short = { clusters: [{ resourceId: "cluster" }] };
    const registries = purgeRegistriesSchema.parse(
      JSON.stringify({ [HOST]: entry, "other-4f.azurecr.io": short }, null, 2),
    );
    const settings = { registries, ...all };
    expect(registries.get(HOST)).toEqual(entry);
    expect(registries.get("other-4f.azurecr.io")?.clusters).toEqual([
      { ...cluster, connector: null, resourceId: "cluster" },
    ]);
    expect(purgeMaxima(settings, HOST)).toEqual({ maxItems: 10, maxSharePercent: 20 });
    expect(purgeMaxima(settings, "other-4f.azurecr.io")).toEqual(all);
    expect(purgeMaxima({ ...settings, maxItems: 5, maxSharePercent: 7 }, HOST)).toEqual({
      maxItems: 5,
      maxSharePercent: 7,
    });
  });

  test.each(["", "{", "[]", "null", '"{}"', "1"])("refuses %j, which is no object", (text) => {
    expect(purgeRegistriesSchema.safeParse(text).success).toBe(false);
  });

  test.each([
    `{"${HOST}":{"clusters":[${JSON.stringify(cluster)}]},"${HOST}":{}}`,
    `{"${HOST}":{"clusters":[${JSON.stringify(cluster)}],"clusters":[]}}`,
    `{"${HOST}":{"maxItems":1,"maxItems":1000}}`,
    `{"${HOST}":{},"registry\\u006fne.azurecr.io":{}}`,
  ])("refuses a name that stands there twice: the first would protect nothing (%#)", (text) => {
    expect(purgeRegistriesSchema.safeParse(text).success).toBe(false);
  });

  test.each([
    "registryone",
    "Registryone.azurecr.io",
    "https://registryone.azurecr.io",
    "registryone.azurecr.io/",
    "registry.example.org",
    "*",
    "",
  ])("refuses %j as a registry", (host) => expect(read({ [host]: entry }).success).toBe(false));

  test.each<[string, object]>([
    ["a bound of nothing", { maxItems: 0 }],
    ["more than all", { maxSharePercent: 101 }],
    ["an unknown member", { maxShare: 1 }],
    ["a cluster without a name", { clusters: [{ connector: "keeper" }] }],
    ["a connector with another's name", { clusters: [{ ...cluster, connector: "a/b" }] }],
    ["a cluster with a host", { clusters: [{ ...cluster, resourceId: "https://cluster.example.org" }] }],
    ["a pattern that is none", { clusters: [{ ...cluster, repositories: ["a*"] }] }],
    ["a cluster that uses nothing", { clusters: [{ ...cluster, repositories: [] }] }],
    ["a cluster twice", { clusters: [cluster, { ...cluster, resourceId: "GROUP/cluster" }] }],
  ])("refuses %s", (_, changes) => expect(read({ [HOST]: { ...entry, ...changes } }).success).toBe(false));
});
