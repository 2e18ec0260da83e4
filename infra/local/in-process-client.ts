/** Makes this very process a client of a running local system. Called by the demo and by tests. */
import { getCACertificates, setDefaultCACertificates } from "node:tls";

/**
 * SDK clients made afterwards reach the local Azure under its real host names. Node reads HTTPS_PROXY when a client
 * is made, and NODE_EXTRA_CA_CERTS only at the start of a process, so the authority is added here by hand.
 * @returns puts everything back as it was
 */
export function enterLocalAzure(system: {
  readonly ca: string;
  readonly clientEnv: Readonly<Record<string, string>>;
  readonly appEnv: Readonly<Record<string, string>>;
}): () => void {
  const trusted = getCACertificates("default");
  const { HTTPS_PROXY, NO_PROXY, IDENTITY_ENDPOINT, IDENTITY_HEADER } = process.env;
  setDefaultCACertificates([...trusted, system.ca]);
  setVariables({
    HTTPS_PROXY: system.clientEnv.HTTPS_PROXY,
    NO_PROXY: system.clientEnv.NO_PROXY,
    // For credentials of managed identities: the process stands for the app.
    ...system.appEnv,
  });
  return () => {
    setDefaultCACertificates(trusted);
    setVariables({ HTTPS_PROXY, NO_PROXY, IDENTITY_ENDPOINT, IDENTITY_HEADER });
  };
}

function setVariables(variables: Readonly<Record<string, string | undefined>>): void {
  for (const [name, value] of Object.entries(variables)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
}
