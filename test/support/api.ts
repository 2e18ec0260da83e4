/** Calls the API as its callers do: sign in at Entra, send JSON. For e2e tests. */
import { rawRequest } from "./raw-request.ts";
import type { System } from "./system.ts";

/** Scope that callers ask tokens for. */
export const API_SCOPE = "api://latchkey/.default";

/** An answer of the API. */
export type Answer<T> = {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: T;
};
/** RFC 9457 body of every error. */
export type Problem = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly correlationId: string;
  readonly problems?: readonly { readonly path: string; readonly expected: string }[];
  readonly candidates?: readonly string[];
};
/** What registering and describing answer, as far as tests look into it. */
export type ConnectorBody = { readonly id: string; readonly name: string; readonly state: string };
/** What issuing answers, as far as tests look into it. */
export type IssuedBody = {
  readonly leaseId: string;
  readonly connector: { readonly id: string; readonly name: string };
  readonly resourceId: string;
  readonly issuedAt: string;
  readonly expiresAt: string;
  readonly exposedUntil: string;
  readonly rule: string;
  readonly credential: { readonly containerUrl: string; readonly sasToken: string };
};

/** What planning and explaining answer. */
export type Plan = {
  readonly allowed: boolean;
  readonly rule: string | null;
  readonly checks: readonly { readonly id: string; readonly ok: boolean; readonly detail: string }[];
};

/** How a call differs from a signed-in administrator's. */
export type CallOptions = {
  /** Null sends no Authorization header; left out, an administrator's token goes along. */
  readonly token?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is, instead of `body`. */
  readonly rawBody?: string | ReadableStream<Uint8Array>;
};

/** Speaks to one system. */
export type Api = {
  /** @param path below `/api/` */
  call<T = Problem>(method: string, path: string, options?: CallOptions): Promise<Answer<T>>;
  /** Access token of an application or user of the seed; cached for the API's own scope. */
  tokenOf(name: string, scope?: string): Promise<string>;
  register(name: string, changes?: Record<string, unknown>): Promise<Answer<ConnectorBody & Problem>>;
  issue(connector: string, changes?: Record<string, unknown>): Promise<Answer<IssuedBody & Problem>>;
  /** PUT of a membership or grant that must not exist yet. */
  create(path: string, body: unknown): Promise<Answer<Problem>>;
};

/** @param onSecret told of every access token, and of every SAS token that is answered */
export function createApi(system: System, onSecret: (secret: string) => void = () => {}): Api {
  const tokens = new Map<string, Promise<string>>();
  const tokenOf = async (name: string, scope = API_SCOPE) => {
    const key = `${name} ${scope}`;
    const token = tokens.get(key) ?? signIn(system, name, scope);
    tokens.set(key, token);
    onSecret(await token);
    return token;
  };
  const call = async <T>(method: string, path: string, options: CallOptions = {}): Promise<Answer<T>> => {
    const token = options.token === undefined ? await tokenOf("platform-automation") : options.token;
    const json = options.body === undefined ? undefined : JSON.stringify(options.body);
    const body = options.rawBody ?? json;
    const response = await fetch(`${system.apiUrl}/api/${path}`, {
      method,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...options.headers,
      },
      ...(body === undefined ? {} : { body, duplex: "half" }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: text === "" ? undefined : parse(text) };
  };
  return {
    call,
    tokenOf,
    register: (name, changes = {}) =>
      call("POST", "connectors", { body: { ...registration(system, name), ...changes } }),
    async issue(connector, changes = {}) {
      const body = { ...CREDENTIAL_REQUEST, ...changes };
      const answer = await call<IssuedBody & Problem>("POST", `connectors/${connector}/credentials`, { body });
      if (answer.status === 201) onSecret(answer.body.credential.sasToken);
      return answer;
    },
    create: (path, body) => call("PUT", path, { body, headers: { "if-none-match": "*" } }),
  };
}

/** A valid request for the container that the seed's connector may read and write. */
export const CREDENTIAL_REQUEST = {
  resourceType: "blob-container",
  resourceId: "az://demo-zenmlartifactstore",
  access: ["read", "write", "list"],
  ttlSeconds: 3600,
} as const;

/** A valid registration of the seed's service principal. */
export function registration(system: System, name: string) {
  const application = applicationOf(system, "zenml-connector");
  return {
    name,
    authMethod: "service-principal",
    configuration: { tenantId: system.seed.tenant.id, clientId: application.clientId },
    secrets: { clientSecret: application.secret },
    resourceTypes: ["blob-container"],
  };
}

/** @throws Error when the seed has no such application with a secret */
export function applicationOf(system: System, name: string): { clientId: string; objectId: string; secret: string } {
  const found = system.seed.applications.find((application) => application.name === name);
  if (found?.secret === undefined) throw new Error(`the seed has no application ${name} with a secret`);
  return { clientId: found.clientId, objectId: found.objectId, secret: found.secret };
}

async function signIn(system: System, name: string, scope: string): Promise<string> {
  const user = system.seed.users.find((candidate) => candidate.name.startsWith(`${name}@`));
  const cli = system.seed.applications.find((application) => application.name === "latchkey-cli");
  const fields: Record<string, string> =
    user === undefined
      ? {
          grant_type: "client_credentials",
          client_id: applicationOf(system, name).clientId,
          client_secret: applicationOf(system, name).secret,
        }
      : { grant_type: "password", client_id: cli?.clientId ?? "", username: user.name, password: user.password };
  const answer = await rawRequest(system, {
    method: "POST",
    url: `https://login.microsoftonline.com/${system.seed.tenant.id}/oauth2/v2.0/token`,
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ ...fields, scope }).toString(),
  });
  const { access_token: token }: { access_token?: string } = JSON.parse(answer.body);
  if (token === undefined) throw new Error(`Entra gave ${name} no token: ${answer.status}`);
  return token;
}

function parse(text: string) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
