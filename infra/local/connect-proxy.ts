/** The CONNECT proxy that clients reach Azure names through (HTTPS_PROXY). Called by system.ts. */
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Front } from "./front.ts";

const HTTPS_PORT = "443";

/** Where the proxy listens, and its end. */
export type ConnectProxy = { readonly url: string; close(): Promise<void> };

/**
 * A name that no service answers gets 502, so that nothing a client does leaves this machine.
 * @param port 0 takes a free one
 * @throws Error with code EADDRINUSE
 */
export async function startConnectProxy(front: Front, port: number): Promise<ConnectProxy> {
  const sockets = new Set<Socket>();
  const server = createServer((_request, response) => {
    response.writeHead(502, { "content-type": "text/plain" });
    response.end("This proxy only tunnels HTTPS (CONNECT) to the hosts of the local Azure.\n");
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    // A client that goes away is no failure of ours.
    socket.on("error", () => socket.destroy());
  });
  server.on("connect", (request, socket, head) => {
    const target = /^(?<host>.+):(?<port>\d+)$/.exec(request.url ?? "")?.groups;
    if (target?.port !== HTTPS_PORT || !front.find(target.host ?? "")) {
      const text = `No local Azure service answers for ${request.url}.\n`;
      socket.end(
        `HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain\r\nContent-Length: ${text.length}\r\n\r\n${text}`,
      );
      return;
    }
    socket.write("HTTP/1.1 200 Connection Established\r\n\r\n");
    if (head.length > 0) socket.unshift(head);
    front.accept(socket, target.host ?? "");
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const address = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${address.port}`,
    close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      return closed;
    },
  };
}
