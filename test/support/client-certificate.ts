/** The certificate with which an application of the seed signs in, for tests that register it or sign in with it. */
import { readFileSync } from "node:fs";
import { clientCertificateFile } from "../../infra/local/azure/entra/client-certificates.ts";

/** Private key and certificate in one PEM text. @param application name in the seed, e.g. `zenml-certificate` */
export function clientCertificate(system: { readonly stateDir: string }, application: string): string {
  return readFileSync(clientCertificateFile(system.stateDir, application), "utf8");
}
