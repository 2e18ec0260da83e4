/** Host names of the clusters, and the authority behind the client certificates of each. Used by ARM and the API servers. */
import "reflect-metadata";
import { createHash, createPrivateKey, randomBytes, timingSafeEqual, webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";
import type { StateStore } from "../../state.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
/** Source: learn.microsoft.com, "Certificate rotation in Azure Kubernetes Service": 30 years. */
const CA_LIFE_MS = 30 * 365 * DAY_MS;
/** Source: as above, client certificates of a cluster: two years. */
const CLIENT_LIFE_MS = 2 * 365 * DAY_MS;
/** A certificate with less life left than this is made anew when it is asked for. */
const RENEW_BEFORE_MS = 30 * DAY_MS;
/** Certificates count from a day ago, so that a client whose clock is a little behind takes them. */
const BACKDATE_MS = DAY_MS;
/** The static token of a cluster: 32 hex characters in the kubeconfigs that AKS writes. */
const STATIC_TOKEN_BYTES = 16;
/** Name and group in the certificate of a cluster's administrator, as AKS writes them. */
const ADMINISTRATOR = { commonName: "masterclient", organization: "system:masters" };
const COMMON_NAME = "CN";
const ORGANIZATION = "O";

const ALGORITHM = {
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
};

/** Where a cluster's API server is. */
export type ClusterHost = {
  readonly dnsPrefix: string;
  /** The public name, without a port. */
  readonly fqdn: string;
  /** The name inside the network of a private cluster; null for any other. */
  readonly privateFqdn: string | null;
  /** By which the portal reaches it. */
  readonly portalFqdn: string;
  /** The one that kubeconfigs name where nothing else is asked for: the private name of a private cluster. */
  readonly server: string;
};

/** Who a client certificate or a static token stands for. */
export type ClusterClient = { readonly commonName: string; readonly organizations: readonly string[] };

/** What a client signs in with. Secret. */
export type ClusterCredential = { readonly certPem: string; readonly keyPem: string };

/** The authority of one cluster. */
export type ClusterAuthority = {
  /** PEM text of the authority behind client certificates: not the one behind the API server's own certificate. */
  readonly caPem: string;
  issueClientCertificate(commonName: string, organization: string): Promise<ClusterCredential>;
  /** Certificate, key and static token of the administrator: the same each time, as in AKS until they are rotated. */
  administrator(): Promise<ClusterCredential & { readonly token: string }>;
  /** The holder of a certificate of this authority that counts now; null for any other. */
  verify(certPem: string): Promise<ClusterClient | null>;
  /** The holder of a static token; null when the token is none of this cluster's. */
  verifyStaticToken(token: string): ClusterClient | null;
};

/** The authorities of all clusters. Made once: two of them over one state would not know each other's. */
export type ClusterAuthorities = {
  /** @param armId compared without regard to case */
  of(armId: string): Promise<ClusterAuthority>;
};

type Stored = {
  readonly certificate: string;
  readonly key: string;
  readonly staticToken: string;
  administrator: ClusterCredential | null;
};

/**
 * The host names of a cluster, equal at every start and different for clusters of one name.
 * @param armId compared without regard to case
 * @param location region, e.g. `westeurope`
 */
export function clusterHost(
  armId: string,
  cluster: { readonly name: string; readonly private: boolean },
  location: string,
): ClusterHost {
  const dnsPrefix = `${cluster.name}-dns`.toLowerCase().replace(/[^a-z0-9-]/g, "");
  const label = `${dnsPrefix}-${clusterGuid(armId, "host").slice(0, 8)}`;
  const fqdn = `${label}.hcp.${location}.azmk8s.io`;
  const zone = `${clusterGuid(armId, "zone")}.privatelink.${location}.azmk8s.io`;
  const privateFqdn = cluster.private ? `${label}.${zone}` : null;
  return {
    dnsPrefix,
    fqdn,
    privateFqdn,
    portalFqdn: fqdn.replace(".hcp.", ".portal.hcp."),
    server: privateFqdn ?? fqdn,
  };
}

/** An id of what the seed does not name, equal at every start. */
export function clusterGuid(armId: string, what: string): string {
  const hex = createHash("sha256").update(`${armId.toLowerCase()}#${what}`).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** Keys are made when a cluster is first asked for, and kept. */
export function openClusterAuthorities(deps: {
  readonly state: StateStore;
  readonly now: () => Date;
}): ClusterAuthorities {
  const { now } = deps;
  const document = deps.state.document<Record<string, Stored>>("cluster-authorities", () => ({}));
  const opened = new Map<string, Promise<ClusterAuthority>>();
  const keep = (id: string, stored: Stored) => {
    document.update((all) => {
      all[id] = stored;
    });
    return stored;
  };
  const open = async (id: string) => {
    const stored = document.read()[id] ?? keep(id, await makeAuthority(now()));
    return authorityOver(stored, { now, save: (changed) => keep(id, changed) });
  };
  return {
    of(armId) {
      const id = armId.toLowerCase();
      const authority = opened.get(id) ?? open(id);
      opened.set(id, authority);
      return authority;
    },
  };
}

function authorityOver(
  stored: Stored,
  deps: { readonly now: () => Date; readonly save: (stored: Stored) => void },
): ClusterAuthority {
  const { now, save } = deps;
  const issuer = new x509.X509Certificate(stored.certificate);
  const issueClientCertificate = async (commonName: string, organization: string) => {
    const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      subject: [{ [ORGANIZATION]: [organization] }, { [COMMON_NAME]: [commonName] }],
      issuer: issuer.subjectName,
      notBefore: new Date(now().getTime() - BACKDATE_MS),
      notAfter: new Date(now().getTime() + CLIENT_LIFE_MS),
      signingAlgorithm: ALGORITHM,
      publicKey: keys.publicKey,
      signingKey: await importKey(stored.key),
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
        await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      ],
    });
    return { certPem: `${certificate.toString("pem")}\n`, keyPem: await privateKeyPem(keys.privateKey) };
  };
  let made: Promise<ClusterCredential> | undefined;
  const administrator = async () => {
    const { administrator: kept } = stored;
    if (
      kept !== null &&
      new x509.X509Certificate(kept.certPem).notAfter.getTime() - now().getTime() > RENEW_BEFORE_MS
    ) {
      return kept;
    }
    const fresh = await issueClientCertificate(ADMINISTRATOR.commonName, ADMINISTRATOR.organization);
    stored.administrator = fresh;
    save(stored);
    return fresh;
  };
  return {
    caPem: stored.certificate,
    issueClientCertificate,
    async administrator() {
      // Two callers at once get the same one.
      made ??= administrator().finally(() => {
        made = undefined;
      });
      return { ...(await made), token: stored.staticToken };
    },
    async verify(certPem) {
      const certificate = parsed(certPem);
      if (certificate === null || certificate.issuer !== issuer.subject) return null;
      const usage = certificate.getExtension(x509.ExtendedKeyUsageExtension);
      if (!usage?.usages.includes(x509.ExtendedKeyUsage.clientAuth)) return null;
      if (!(await certificate.verify({ publicKey: issuer, date: now() }))) return null;
      const [commonName] = certificate.subjectName.getField(COMMON_NAME);
      if (commonName === undefined) return null;
      return { commonName, organizations: certificate.subjectName.getField(ORGANIZATION) };
    },
    verifyStaticToken(token) {
      const given = createHash("sha256").update(token).digest();
      const kept = createHash("sha256").update(stored.staticToken).digest();
      if (!timingSafeEqual(given, kept)) return null;
      return { commonName: ADMINISTRATOR.commonName, organizations: [ADMINISTRATOR.organization] };
    },
  };
}

async function makeAuthority(now: Date): Promise<Stored> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    // All authorities of AKS have this name, so a name alone tells no cluster.
    name: "CN=ca",
    notBefore: new Date(now.getTime() - BACKDATE_MS),
    notAfter: new Date(now.getTime() + CA_LIFE_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.digitalSignature, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return {
    certificate: `${certificate.toString("pem")}\n`,
    key: await privateKeyPem(keys.privateKey),
    staticToken: randomBytes(STATIC_TOKEN_BYTES).toString("hex"),
    administrator: null,
  };
}

function parsed(certPem: string): x509.X509Certificate | null {
  try {
    return new x509.X509Certificate(certPem);
  } catch {
    return null;
  }
}

/** PKCS 1, as AKS writes keys. */
async function privateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key));
  return createPrivateKey({ key: der, format: "der", type: "pkcs8" })
    .export({ format: "pem", type: "pkcs1" })
    .toString();
}

function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(pem).export({ format: "der", type: "pkcs8" });
  return webcrypto.subtle.importKey("pkcs8", der, ALGORITHM, false, ["sign"]);
}

/** 16 random bytes with the first bit clear: a positive number, as RFC 5280 section 4.1.2.2 asks. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01;
  return bytes.toString("hex");
}
