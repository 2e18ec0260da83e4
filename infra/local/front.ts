/** One TLS server for every Azure host name: finds the service by the Host header. Called by system.ts. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { Service } from "./service.ts";

/** What stands between the wire and a service: faults.ts. `pass` hands the request on. */
export type Interceptor = (
  service: Service,
  host: string,
  request: IncomingMessage,
  response: ServerResponse,
  pass: () => void,
) => void;

/** Terminates TLS for the sockets that connect-proxy.ts gives it; it listens on no port of its own. */
export type Front = {
  /** The service behind a host name, without port, in any case. */
  find(host: string): Service | undefined;
  readonly server: Server;
  close(): Promise<void>;
};

/** @param services the first whose `hosts` matches answers */
export function createFront(
  services: readonly Service[],
  certificate: { readonly cert: string; readonly key: string },
  intercept: Interceptor,
): Front {
  const find = (host: string) => services.find((service) => service.hosts.test(host.toLowerCase()));
  const server = createServer({ cert: certificate.cert, key: certificate.key }, (request, response) => {
    const host = hostName(request.headers.host);
    const service = find(host);
    if (!service) {
      // 421: this connection is good, but not for that name (RFC 9110 section 15.5.20).
      response.writeHead(421, { "content-type": "text/plain" }).end(`No local Azure service answers for ${host}.\n`);
      return;
    }
    intercept(service, host, request, response, () => service.handle(request, response));
  });
  // Clients keep connections in a pool; a longer wait than theirs spares them resets on reuse.
  server.keepAliveTimeout = 120_000;
  return {
    find,
    server,
    async close() {
      await Promise.all(services.map((service) => service.close?.()));
    },
  };
}

/** Host header without its port, in lower case. */
export function hostName(header: string | undefined): string {
  return (header ?? "").replace(/:\d+$/, "").toLowerCase();
}
