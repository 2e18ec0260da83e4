/** Connections that are kept between requests also through a proxy, which the SDKs' own do not. Used by acr-content.ts. */
import { Agent } from "node:https";
import type { PipelinePolicy } from "@azure/core-rest-pipeline";

/** The first Node whose agents know proxies. Source: the Node.js documentation, `new Agent`, `proxyEnv`. */
const FIRST = { major: 24, minor: 5 };

/** What the environment says about proxies. */
export type ProxyEnvironment = { readonly HTTPS_PROXY?: string | undefined; readonly NO_PROXY?: string | undefined };

/**
 * For the clients of one service: thousands of requests one after another would else begin with as many handshakes. Without
 * a proxy, and with an older Node, the SDK's own connections are left as they are.
 */
export function keepConnections({ HTTPS_PROXY, NO_PROXY }: ProxyEnvironment): PipelinePolicy {
  // Names that the SDKs read too, whatever other spellings Node reads as well.
  const agent =
    HTTPS_PROXY !== undefined && isKnown(process.versions.node)
      ? new Agent({ keepAlive: true, proxyEnv: { HTTPS_PROXY, NO_PROXY } })
      : null;
  return {
    name: "keepConnections",
    sendRequest(request, next) {
      if (agent !== null) request.agent = agent;
      return next(request);
    },
  };
}

function isKnown(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > FIRST.major || (major === FIRST.major && minor >= FIRST.minor);
}
