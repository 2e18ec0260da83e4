/** The kubeconfigs that ARM gives, as far as they are believed: a server, an authority, a certificate or token. Used by cluster-credentials.ts. */
import { X509Certificate } from "node:crypto";
import { z } from "zod";
import { type CloudName, cloudOf } from "../cloud.ts";
import type { Cluster } from "../connectors/ports.ts";
import type { ClusterServer } from "../credentials/cluster-ports.ts";
import { lazy } from "../lazy.ts";

/** Largest kubeconfig that is read, in bytes. Those of AKS have 10 to 15 thousand. */
const MAX_BYTES = 131_072;
/** Most certificates in an authority: while one is rotated there are two. */
const MAX_AUTHORITIES = 10;

const yamlModule = lazy(() => import("yaml"));

/** PEM in base64, on one line or on several. */
const base64 = z
  .string()
  .max(MAX_BYTES)
  .transform((text) => text.replace(/\s/g, ""))
  .pipe(z.base64());
/**
 * Everything that is taken over. What else a kubeconfig may have is dropped unseen: programs to run (exec, auth-provider),
 * ways around (proxy-url, tls-server-name, insecure-skip-tls-verify), files, other people (act-as).
 */
const configSchema = z.object({
  clusters: z.tuple([
    z.object({
      name: z.string(),
      cluster: z.object({ server: z.string().max(512), "certificate-authority-data": base64 }),
    }),
  ]),
  contexts: z.tuple([z.object({ name: z.string(), context: z.object({ cluster: z.string(), user: z.string() }) })]),
  users: z.tuple([
    z.object({
      name: z.string(),
      user: z
        .object({
          "client-certificate-data": base64.nullish(),
          "client-key-data": base64.nullish(),
          token: z
            .string()
            .regex(/^[!-~]{1,16384}$/)
            .nullish(),
        })
        .nullable(),
    }),
  ]),
});

/** What is taken over. A certificate never comes without its key. */
export type GivenKubeconfig = {
  readonly server: ClusterServer;
  readonly certificate: { readonly certificateData: string; readonly keyData: string } | null;
  readonly token: string | null;
};

/**
 * Null for what is not the kubeconfig of this cluster and nothing else: several clusters or users, another host, a
 * certificate that is none. The cause may repeat a key and is dropped.
 * @param cluster as ARM lists it: the server must be one of its host names
 */
export async function readGivenKubeconfig(
  bytes: Uint8Array,
  cluster: Pick<Cluster, "fqdn" | "privateFqdn">,
  cloud: CloudName,
): Promise<GivenKubeconfig | null> {
  if (bytes.length > MAX_BYTES) return null;
  try {
    const { parseDocument } = await yamlModule();
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const document = parseDocument(text, { uniqueKeys: true, version: "1.2", schema: "core" });
    if (document.errors.length > 0 || document.warnings.length > 0) return null;
    const config = configSchema.safeParse(document.toJS({ maxAliasCount: 0 }));
    return config.success ? given(config.data, cluster, cloud) : null;
  } catch {
    return null;
  }
}

function given(
  { clusters: [one], contexts: [{ context }], users: [user] }: z.output<typeof configSchema>,
  cluster: Pick<Cluster, "fqdn" | "privateFqdn">,
  cloud: CloudName,
): GivenKubeconfig | null {
  if (context.cluster !== one.name || context.user !== user.name) return null;
  const host = serverHost(one.cluster.server, cloud);
  if (host === null || (host !== cluster.fqdn && host !== cluster.privateFqdn)) return null;
  const authority = authorityOf(one.cluster["certificate-authority-data"]);
  if (authority === null) return null;
  const certificateData = user.user?.["client-certificate-data"] ?? null;
  const keyData = user.user?.["client-key-data"] ?? null;
  if ((certificateData === null) !== (keyData === null)) return null;
  return {
    // Written anew from the host that was compared: nothing of the text goes on.
    server: { url: `https://${host}:443`, authorityData: Buffer.from(authority).toString("base64") },
    certificate: certificateData === null || keyData === null ? null : { certificateData, keyData },
    token: user.user?.token ?? null,
  };
}

/** Scheme, host and port as AKS writes them, and nothing behind. */
const SERVER = /^https:\/\/([a-z0-9-]+(?:\.[a-z0-9-]+)+)(?::443)?\/?$/i;
/**
 * Labels between a cluster's own name and its region: public, private, private without a private link. Source: the AKS
 * documentation on private clusters and on API server VNet integration, and its outbound rules.
 */
const ZONES: ReadonlySet<string> = new Set(["hcp", "privatelink", "private"]);

/** The host of an API server of this cloud in lower case, or null. Also used for the names that ARM lists. */
export function serverHost(url: string, cloud: CloudName): string | null {
  const host = SERVER.exec(url)?.[1]?.toLowerCase() ?? "";
  const suffix = `.${cloudOf(cloud).clusterSuffix}`;
  if (!host.endsWith(suffix) || host.length > 253) return null;
  const labels = host.slice(0, -suffix.length).split(".");
  const zone = labels.at(-2) ?? "";
  const isName = labels.every((label) => /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/.test(label));
  return labels.length >= 3 && isName && ZONES.has(zone) ? host : null;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/** The certificates of an authority, written anew; null when there is none, or anything else. */
function authorityOf(data: string): string | null {
  const text = Buffer.from(data, "base64").toString("utf8");
  const found = text.match(CERTIFICATE) ?? [];
  const isAll = text.replace(CERTIFICATE, "").trim() === "";
  if (!isAll || found.length === 0 || found.length > MAX_AUTHORITIES) return null;
  return found.map((pem) => new X509Certificate(pem).toString()).join("");
}
