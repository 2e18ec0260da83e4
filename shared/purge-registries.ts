/** Setting LATCHKEY_PURGE_REGISTRIES: which clusters use a registry, and how much a purge of it may take. Read by config.ts. */
import { z } from "zod";
import { readClusterName } from "./connectors/cluster.ts";
import { readRegistryName } from "./connectors/registry.ts";
import { nameSchema } from "./names.ts";
import { repositoryPatternsSchema } from "./scope.ts";

/** Most registries, and most clusters of one: each cluster is read before and during every purge. */
const MAX_REGISTRIES = 200;
const MAX_CLUSTERS = 50;
/** Highest number of images and tags that any setting or policy lets one purge take away. */
export const MAX_PURGE_ITEMS = 10_000_000;

const clusterSchema = z.strictObject({
  connector: nameSchema
    .nullable()
    .default(null)
    .describe("whose identity lists its pods and pod templates; null: that of the policy"),
  resourceId: z.string().refine((text) => readClusterName(text) !== null, "an ARM id, RESOURCE-GROUP/NAME or NAME"),
  /** What is kept when the cluster cannot be read and the policy goes on all the same. */
  repositories: repositoryPatternsSchema.default(["*"]),
});
const registrySchema = z.strictObject({
  clusters: z
    .array(clusterSchema)
    .max(MAX_CLUSTERS)
    .default([])
    .refine((clusters) => areUnique(clusters.map(keyOf)), "every cluster once"),
  maxItems: z.int().min(1).max(MAX_PURGE_ITEMS).nullable().default(null),
  maxSharePercent: z.int().min(1).max(100).nullable().default(null),
});
const loginServerSchema = z
  .string()
  .refine(
    (text) => readRegistryName(text)?.kind === "host" && /^[a-z0-9.-]+$/.test(text),
    "NAME.azurecr.io in lower case",
  );

/** What the operator says of one registry; null: as for all. */
export type PurgeRegistry = z.output<typeof registrySchema>;
/** How much one run may take away, whatever its policy says. */
export type PurgeMaxima = { readonly maxItems: number; readonly maxSharePercent: number };
/** All settings of the purge. */
export type PurgeSettings = PurgeMaxima & {
  /** By host name in lower case. */
  readonly registries: ReadonlyMap<string, PurgeRegistry>;
};

/**
 * JSON text by login server; none by default. A name that stands there twice is refused: a parser takes the last one, and the
 * clusters of the first would be protected by nobody.
 */
export const purgeRegistriesSchema = z
  .string()
  .default("{}")
  .transform((text, context): unknown => {
    try {
      const value: unknown = JSON.parse(text);
      if (JSON.stringify(value) === withoutSpace(text)) return value;
    } catch {
      // Told as what is not plain.
    }
    context.addIssue({ code: "custom", message: "expected plain JSON with every name once" });
    return z.NEVER;
  })
  .pipe(z.record(loginServerSchema, registrySchema))
  .transform((registries) => new Map(Object.entries(registries)))
  .refine(({ size }) => size <= MAX_REGISTRIES, `at most ${MAX_REGISTRIES} registries`);

/** What the server allows for one registry: its own maxima, never above those for all. */
export function purgeMaxima(settings: PurgeSettings, loginServer: string): PurgeMaxima {
  const own = settings.registries.get(loginServer);
  return {
    maxItems: Math.min(settings.maxItems, own?.maxItems ?? Number.POSITIVE_INFINITY),
    maxSharePercent: Math.min(settings.maxSharePercent, own?.maxSharePercent ?? Number.POSITIVE_INFINITY),
  };
}

/** The text without the space between its tokens. */
function withoutSpace(text: string): string {
  return text.replace(/("(?:[^"\\]|\\.)*")|\s+/g, (_, quoted?: string) => quoted ?? "");
}

function keyOf({ connector, resourceId }: { connector: string | null; resourceId: string }): string {
  return JSON.stringify([connector, resourceId.toLowerCase()]);
}

function areUnique(texts: readonly string[]): boolean {
  return new Set(texts).size === texts.length;
}
