/** Starts the emulated Azure, without a Functions host, in this process. Called by system.ts and the contract tests. */
import { randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { createArmLimits } from "./azure/arm/arm-limits.ts";
import { openClientCertificates } from "./azure/entra/client-certificates.ts";
import { createKubernetesControl } from "./azure/kubernetes/kubernetes-settings.ts";
import { createRegistryControl } from "./azure/registry/registry-settings.ts";
import { startAzurite } from "./azurite.ts";
import { openCertificates } from "./certificates.ts";
import type { ChildExit } from "./child.ts";
import { startConnectProxy } from "./connect-proxy.ts";
import { startControl } from "./control.ts";
import { createFaults } from "./faults.ts";
import { createFront } from "./front.ts";
import { startIdentityServer } from "./identity-server.ts";
import { checkPortsAreFree, type Ports } from "./ports.ts";
import { createRequestLog } from "./request-log.ts";
import { loadSeed, type Seed } from "./seed.ts";
import { createServices } from "./services.ts";
import { openStateStore } from "./state.ts";
import { lockStateFolder } from "./state-lock.ts";

/** How to start it. */
export type EmulatedAzureOptions = {
  /** Folder of everything that survives a restart. Only one local system at a time can use it. */
  readonly stateDir: string;
  /** Each port that is left out is a free one. */
  readonly ports?: Partial<Ports>;
  /** Milliseconds until a deletion or recovery shows in a key vault; half a second if left out. */
  readonly settleMs?: number;
  /** Milliseconds until revoked user delegation keys stop working, as in Azure's caches; 0 if left out. */
  readonly revocationDelayMs?: number;
  /** Milliseconds until a change of a registry's token is done; 200 if left out. */
  readonly tokenSettleMs?: number;
  /**
   * Milliseconds until a password of a registry's token stops working after it was taken away, and until one that takes
   * the place of another works; 0 if left out.
   */
  readonly tokenRevocationDelayMs?: number;
  /** Told when a child process ends although nobody asked it to. */
  readonly onChildExit?: (name: "azurite" | "host", exit: ChildExit) => void;
};

/** An emulated Azure that is ready. */
export type EmulatedAzure = {
  /** Absolute. */
  readonly stateDir: string;
  readonly proxyUrl: string;
  readonly controlUrl: string;
  readonly caFile: string;
  /** PEM text of the authority. */
  readonly ca: string;
  readonly seed: Seed;
  /** Environment variables that send a client (curl, az, Python, Node) to this Azure. */
  readonly clientEnv: Readonly<Record<string, string>>;
  /** What App Service tells the app alone: where it gets tokens of its managed identities, and the secret it shows there. */
  readonly appEnv: Readonly<{ IDENTITY_ENDPOINT: string; IDENTITY_HEADER: string }>;
  readonly azuriteLog: string;
  stop(): Promise<void>;
};

/**
 * @throws StateFolderInUseError when another local system has the folder
 * @throws PortInUseError
 */
export async function startEmulatedAzure(options: EmulatedAzureOptions): Promise<EmulatedAzure> {
  const stateDir = resolve(options.stateDir);
  const seed = loadSeed();
  const lock = await lockStateFolder(stateDir);
  // Ends of what was started; the last one started ends first, also when a later step fails.
  const ends: (() => Promise<void>)[] = [async () => lock.release()];
  const stop = async () => {
    for (let end = ends.pop(); end; end = ends.pop()) await end();
  };
  try {
    return { ...(await startParts(options, stateDir, seed, ends)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startParts(
  { ports = {}, settleMs, revocationDelayMs, tokenSettleMs, tokenRevocationDelayMs, onChildExit }: EmulatedAzureOptions,
  stateDir: string,
  seed: Seed,
  ends: (() => Promise<void>)[],
): Promise<Omit<EmulatedAzure, "stop">> {
  await checkPortsAreFree(ports);
  const now = () => new Date();
  const state = openStateStore(join(stateDir, "state"));
  const certificates = await openCertificates(join(stateDir, "certificates"), now);
  const clientCertificates = await openClientCertificates(stateDir, seed, now);
  // Kept, so that `func start` goes on after a restart of the local Azure.
  const { secret } = state.document("managed-identity", () => ({ secret: randomUUID() })).read();

  const azuriteLog = join(stateDir, "azurite.log");
  rmSync(azuriteLog, { force: true });
  const azurite = await startAzurite({ seed, state, stateDir, certificates, logFile: azuriteLog });
  ends.push(() => azurite.child.stop());
  void azurite.child.exited.then((exit) => azurite.child.isStopping() || onChildExit?.("azurite", exit));

  const armLimits = createArmLimits({ now });
  const registryControl = createRegistryControl();
  const kubernetesControl = createKubernetesControl();
  const services = await createServices({
    seed,
    state,
    stateDir,
    armLimits,
    registryControl,
    kubernetesControl,
    certificates: clientCertificates,
    identitySecret: secret,
    azurite,
    ca: certificates.ca,
    settleMs,
    revocationDelayMs,
    tokenSettleMs,
    tokenRevocationDelayMs,
    now,
  });
  const log = createRequestLog();
  const faults = createFaults({ log, now });
  const front = createFront(services.named, certificates, faults.intercept);
  ends.push(() => front.close());
  const proxy = await startConnectProxy(front, ports.proxy ?? 0);
  ends.push(() => proxy.close());
  const identity = await startIdentityServer(services.managedIdentity, faults.intercept, ports.identity ?? 0);
  ends.push(() => identity.close());
  const names = [...services.named, services.managedIdentity].map(({ name }) => name);
  const steered = { faults, log, armLimits, registryControl, kubernetesControl, services: names, now };
  const control = await startControl(steered, ports.control ?? 0);
  ends.push(() => control.close());

  const { caFile, ca } = certificates;
  const clientEnv = clientEnvironment(proxy.url, caFile);
  const appEnv = { IDENTITY_ENDPOINT: identity.endpoint, IDENTITY_HEADER: secret };
  return { stateDir, proxyUrl: proxy.url, controlUrl: control.url, caFile, ca, seed, clientEnv, appEnv, azuriteLog };
}

/** Every client reads some of these; no client reads all. */
function clientEnvironment(proxyUrl: string, caFile: string): Record<string, string> {
  return {
    HTTPS_PROXY: proxyUrl,
    NO_PROXY: "127.0.0.1,localhost",
    NODE_EXTRA_CA_CERTS: caFile,
    // Node's own fetch looks at HTTPS_PROXY only when told to; the Azure SDKs always do.
    NODE_USE_ENV_PROXY: "1",
    CURL_CA_BUNDLE: caFile,
    REQUESTS_CA_BUNDLE: caFile,
    SSL_CERT_FILE: caFile,
  };
}
