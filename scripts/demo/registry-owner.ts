/** The demo's view of a registry as its owner: what images there are, pushing, locks, and its login for other clients. Used by purge.ts and purge-images.ts. */
import { createHash } from "node:crypto";
import { ClientSecretCredential } from "@azure/identity";
import { z } from "zod";
import type { LocalSystem } from "../../infra/local/system.ts";
import type { Login } from "./image-client.ts";
import { applicationOf } from "./latchkey-client.ts";
import { Surprise } from "./stage.ts";

/** Everybody who brings a token as password has this name. Source: the documentation of Azure Container Registry. */
const NO_NAME = "00000000-0000-0000-0000-000000000000";
/** The registry's largest page. Source: the same. */
const PAGE = 1_000;
/** A registry gives a manifest only to who names its type. */
const ACCEPT = ["manifest", "index"].map((kind) => `application/vnd.oci.image.${kind}.v1+json`).join(", ");

const refreshSchema = z.object({ refresh_token: z.string() });
const accessSchema = z.object({ access_token: z.string() });
const catalogSchema = z.object({ repositories: z.array(z.string()).nullable() });
const manifestsSchema = z.object({
  manifests: z.array(z.object({ digest: z.string(), tags: z.array(z.string()).optional() })).nullable(),
});

/** Tags by `REPOSITORY@DIGEST`, of every manifest that a registry has. */
export type Inventory = ReadonlyMap<string, readonly string[]>;
/** Who may do everything with the images of a registry. */
export type RegistryOwner = {
  readonly login: Login;
  /** @throws Surprise when the registry refuses it */
  send(repository: string, method: string, path: string, body?: string | Buffer, mediaType?: string): Promise<Response>;
  /** @throws Surprise when the registry refuses it, or has more than one page of anything */
  inventory(): Promise<Inventory>;
};

/** @param application of the seed: AcrPull and AcrPush at least @throws Surprise, AuthenticationError */
export async function openRegistry(
  system: LocalSystem,
  loginServer: string,
  application: string,
): Promise<RegistryOwner> {
  const { clientId, secret } = applicationOf(system.seed, application);
  const entra = new ClientSecretCredential(system.seed.tenant.id, clientId, secret);
  const { token } = await entra.getToken("https://containerregistry.azure.net/.default");
  const ask = async (path: string, fields: Readonly<Record<string, string>>) => {
    const body = new URLSearchParams({ service: loginServer, ...fields });
    return (await good(await fetch(`https://${loginServer}/oauth2/${path}`, { method: "POST", body }))).json();
  };
  const exchanged = await ask("exchange", { grant_type: "access_token", access_token: token });
  const { refresh_token } = refreshSchema.parse(exchanged);
  const tokens = new Map<string, Promise<string>>();
  const tokenFor = (scope: string) => {
    const asked = ask("token", { grant_type: "refresh_token", refresh_token, scope });
    return asked.then((answer) => accessSchema.parse(answer).access_token);
  };
  const request = async (
    scope: string,
    path: string,
    init: RequestInit & { headers?: Record<string, string> } = {},
  ) => {
    const access = tokens.get(scope) ?? tokenFor(scope);
    tokens.set(scope, access);
    const headers = { accept: ACCEPT, ...init.headers, authorization: `Bearer ${await access}` };
    return good(await fetch(`https://${loginServer}${path}`, { ...init, headers }));
  };
  const send: RegistryOwner["send"] = (repository, method, path, body, mediaType) =>
    request(`repository:${repository}:pull,push,metadata_read,metadata_write`, path, {
      method,
      ...(body === undefined ? {} : { body, headers: { "content-type": mediaType ?? "application/octet-stream" } }),
    });
  return {
    login: { loginServer, username: NO_NAME, password: refresh_token },
    send,
    async inventory() {
      const catalog = await onlyPage(await request("registry:catalog:*", `/acr/v1/_catalog?n=${PAGE}`));
      const names = catalogSchema.parse(catalog).repositories ?? [];
      const lists = await Promise.all(
        names.map(async (repository) => {
          const answer = await send(repository, "GET", `/acr/v1/${repository}/_manifests?n=${PAGE}`);
          const manifests = manifestsSchema.parse(await onlyPage(answer)).manifests ?? [];
          return manifests.map(({ digest, tags = [] }) => [`${repository}@${digest}`, tags] as const);
        }),
      );
      return new Map(lists.flat());
    },
  };
}

/** What is in the first alone, in order. */
export function goneOf(before: Inventory, after: Inventory): string[] {
  return [...before.keys()].filter((name) => !after.has(name)).sort();
}

/** As `REPOSITORY:TAG`. */
export function tagsOf(inventory: Inventory): Set<string> {
  return new Set([...inventory].flatMap(([name, tags]) => tags.map((tag) => `${name.split("@")[0]}:${tag}`)));
}

/** What content is called. */
export function digestOf(content: string | Buffer): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}

async function good(answer: Response): Promise<Response> {
  if (answer.ok) return answer;
  throw new Surprise(
    `the registry answered ${answer.status} to ${new URL(answer.url).pathname}: ${await answer.text()}`,
  );
}

function onlyPage(answer: Response): Promise<unknown> {
  if (answer.headers.has("link")) throw new Surprise(`${new URL(answer.url).pathname} has more than one page`);
  return answer.json();
}
