/** One HTTPS request through the proxy of the local Azure, with nothing added: for contract tests of bare answers. */
import { request as startRequest } from "node:http";
import { connect, type TLSSocket } from "node:tls";

/** What came back. Header names are in lower case; repeated headers are joined by a comma. */
export type RawAnswer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
};

/** An answer of the proxy itself (a name that is unknown) is returned like one of the service. */
export async function rawRequest(
  azure: { readonly proxyUrl: string },
  wanted: {
    method: string;
    url: string;
    headers?: Record<string, string>;
    body?: string | Buffer;
    /** PEM texts of what the client shows in the TLS handshake. */
    certificate?: { readonly cert: string; readonly key: string };
  },
): Promise<RawAnswer> {
  const url = new URL(wanted.url);
  const tunnel = await openTunnel(azure.proxyUrl, url.hostname, wanted.certificate);
  if ("status" in tunnel) return tunnel;
  try {
    return await new Promise<RawAnswer>((resolve, reject) => {
      const outgoing = startRequest({
        createConnection: () => tunnel,
        method: wanted.method,
        // Not url.pathname: what the test wrote goes out as it is, quotes included.
        path: wanted.url.slice(url.origin.length) || "/",
        headers: { host: url.hostname, ...wanted.headers },
      });
      outgoing.on("error", reject);
      outgoing.on("response", (answer) => {
        let body = "";
        answer.setEncoding("utf8").on("data", (chunk: string) => {
          body += chunk;
        });
        answer.on("end", () => {
          const headers = Object.entries(answer.headers).map(([name, value]) => [name, String(value)]);
          resolve({ status: answer.statusCode ?? 0, headers: Object.fromEntries(headers), body });
        });
      });
      outgoing.end(wanted.body);
    });
  } finally {
    tunnel.destroy();
  }
}

function openTunnel(
  proxyUrl: string,
  host: string,
  certificate: { readonly cert: string; readonly key: string } | undefined,
): Promise<TLSSocket | RawAnswer> {
  const proxy = new URL(proxyUrl);
  return new Promise((resolve, reject) => {
    const tunnel = startRequest({ host: proxy.hostname, port: proxy.port, method: "CONNECT", path: `${host}:443` });
    tunnel.on("error", reject);
    tunnel.on("connect", (answer, socket) => {
      if (answer.statusCode === 200) {
        resolve(connect({ socket, servername: host, ...certificate }));
        return;
      }
      socket.destroy();
      resolve({ status: answer.statusCode ?? 0, headers: {}, body: "" });
    });
    tunnel.end();
  });
}
