/** The port at which the app asks for tokens of its managed identities. Called by emulated-azure.ts. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { TOKEN_PATH } from "./azure/managed-identity/managed-identity.ts";
import type { Interceptor } from "./front.ts";
import type { Service } from "./service.ts";

/** Where the endpoint listens, and its end. */
export type IdentityServer = {
  /** Value of IDENTITY_ENDPOINT. */
  readonly endpoint: string;
  close(): Promise<void>;
};

/**
 * Plain http on loopback, as on Azure: the secret header keeps others out.
 * @param port 0 takes a free one
 * @throws Error with code EADDRINUSE
 */
export async function startIdentityServer(
  service: Service,
  intercept: Interceptor,
  port: number,
): Promise<IdentityServer> {
  const server = createServer((request, response) =>
    intercept(service, "127.0.0.1", request, response, () => service.handle(request, response)),
  );
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const address = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${address.port}${TOKEN_PATH}`,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
      await service.close?.();
    },
  };
}
