/** One TLS server for every Azure host name: finds the service by the Host header. Called by system.ts. */
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { Duplex } from "node:stream";
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
  /** Speaks TLS with a client that asked for that host. */
  accept(socket: Duplex, host: string): void;
  close(): Promise<void>;
};

const KEEP_ALIVE_MS = 120_000;

/** @param services the first whose `hosts` matches answers */
export function createFront(
  services: readonly Service[],
  certificate: { readonly cert: string; readonly key: string },
  intercept: Interceptor,
): Front {
  const find = (host: string) => services.find((service) => service.hosts.test(host.toLowerCase()));
  const listener: RequestListener = (request, response) => {
    const host = hostName(request.headers.host);
    const service = find(host);
    if (!service) {
      // 421: this connection is good, but not for that name (RFC 9110 section 15.5.20).
      response.writeHead(421, { "content-type": "text/plain" }).end(`No local Azure service answers for ${host}.\n`);
      return;
    }
    intercept(service, host, request, response, () => service.handle(request, response));
  };
  const serverWith = (options: { readonly requestCert?: true }) => {
    const { cert, key } = certificate;
    // Whoever shows a certificate is let in: the service looks whose it is.
    const server = createServer({ cert, key, ...options, rejectUnauthorized: false }, listener);
    // Clients keep connections in a pool; a longer wait than theirs spares them resets on reuse.
    server.keepAliveTimeout = KEEP_ALIVE_MS;
    return server;
  };
  const plain = serverWith({});
  // Browsers and some clients ask their user for a certificate when a server wants one: only where one may be shown.
  const asking = serverWith({ requestCert: true });
  return {
    find,
    accept(socket, host) {
      const server = find(host)?.asksForCertificate === true ? asking : plain;
      server.emit("connection", socket);
    },
    async close() {
      await Promise.all(services.map((service) => service.close?.()));
    },
  };
}

/** Host header without its port, in lower case. */
export function hostName(header: string | undefined): string {
  return (header ?? "").replace(/:\d+$/, "").toLowerCase();
}
