/** The operations on the secrets of a vault: right, rule, answer. Registered by key-vault.ts. */
import type { Document } from "../../state.ts";
import {
  checkedMaxResults,
  checkedName,
  deletionBody,
  itemBody,
  parseSetBody,
  parseUpdateBody,
  propertiesBody,
  valueBody,
} from "./secret-bodies.ts";
import {
  deleteSecret,
  type Found,
  getDeletedSecret,
  getSecret,
  listDeletedSecrets,
  listSecrets,
  listVersions,
  purgeSecret,
  recoverSecret,
  setSecret,
  updateSecret,
  type VaultState,
} from "./secret-store.ts";
import { badParameter, VaultError } from "./vault-errors.ts";
import { showsPreviousVersion } from "./vault-limits.ts";

/** A request of a caller whose token was good, for a vault that exists. */
export type SecretRequest = {
  /** `https://VAULT.vault.azure.net`, without a slash. */
  readonly vaultUrl: string;
  readonly apiVersion: string;
  readonly path: string;
  readonly body: string;
  readonly document: Document<VaultState>;
  param(name: string): string;
  query(name: string): string | undefined;
  /** @throws VaultError 403 ForbiddenByRbac */
  demand(action: string, secret?: string): void;
};

/** What an operation answers; a refusal is thrown as a VaultError. */
export type SecretAnswer = { readonly status: number; readonly body?: unknown };

/** One operation of the data plane. */
export type SecretOperation = {
  readonly method: "GET" | "PUT" | "PATCH" | "POST" | "DELETE";
  readonly path: string;
  answer(request: SecretRequest): SecretAnswer;
};

/** What the operations need beside the request. */
export type SecretDeps = {
  readonly now: () => Date;
  readonly newVersion: () => string;
  /** Milliseconds until a deletion or recovery shows. */
  readonly settleMs: number;
};

/** Source of the shapes: azure-rest-api-specs keyvault secrets 2026-04-01, azure-sdk-for-js recordings of keyvault-secrets. */
export function secretOperations(deps: SecretDeps): SecretOperation[] {
  return [...liveOperations(deps), ...deletedOperations(deps)];
}

function liveOperations(deps: SecretDeps): SecretOperation[] {
  const get = (request: SecretRequest, version: string | undefined) => {
    const name = checkedName(request.param("name"));
    request.demand("getSecret/action", name);
    const found = getSecret(request.document.read(), name, version, deps.now());
    return { status: 200, body: valueBody(request.vaultUrl, found, showsPreviousVersion(request.apiVersion)) };
  };
  const update = (request: SecretRequest, version: string | undefined) => {
    const name = checkedName(request.param("name"));
    request.demand("update/action", name);
    const input = parseUpdateBody(request.body);
    const found = change(request, (state) => updateSecret(state, name, version, input, deps.now()));
    return { status: 200, body: propertiesBody(request.vaultUrl, found, showsPreviousVersion(request.apiVersion)) };
  };
  return [
    {
      method: "PUT",
      path: "/secrets",
      answer() {
        throw new VaultError(405, "MethodNotAllowed", "The HTTP method PUT is not allowed for /secrets.");
      },
    },
    {
      method: "PUT",
      path: "/secrets/:name",
      answer(request) {
        const name = checkedName(request.param("name"));
        request.demand("setSecret/action", name);
        const input = parseSetBody(request.body);
        const at = { now: deps.now(), version: deps.newVersion() };
        const found = change(request, (state) => setSecret(state, name, input, at));
        return { status: 200, body: valueBody(request.vaultUrl, found, showsPreviousVersion(request.apiVersion)) };
      },
    },
    { method: "GET", path: "/secrets/:name", answer: (request) => get(request, undefined) },
    { method: "GET", path: "/secrets/:name/:version", answer: (request) => get(request, request.param("version")) },
    { method: "PATCH", path: "/secrets/:name", answer: (request) => update(request, undefined) },
    {
      method: "PATCH",
      path: "/secrets/:name/:version",
      answer: (request) => update(request, request.param("version")),
    },
    {
      method: "GET",
      path: "/secrets/:name/versions",
      answer(request) {
        const name = checkedName(request.param("name"));
        request.demand("readMetadata/action", name);
        const versions = listVersions(request.document.read(), name, deps.now());
        const key = (found: Found) => found.version.version;
        return pageOf(request, versions, key, (found) => itemBody(request.vaultUrl, found, true));
      },
    },
    {
      method: "GET",
      path: "/secrets",
      answer(request) {
        request.demand("readMetadata/action");
        const secrets = listSecrets(request.document.read(), deps.now());
        return pageOf(request, secrets, lowerName, (found) => itemBody(request.vaultUrl, found, false));
      },
    },
    {
      method: "DELETE",
      path: "/secrets/:name",
      answer(request) {
        const name = checkedName(request.param("name"));
        request.demand("delete", name);
        const at = { now: deps.now(), settleMs: deps.settleMs };
        return deletedAnswer(
          request,
          change(request, (state) => deleteSecret(state, name, at)),
        );
      },
    },
  ];
}

function deletedOperations(deps: SecretDeps): SecretOperation[] {
  return [
    {
      method: "GET",
      path: "/deletedsecrets",
      answer(request) {
        request.demand("readMetadata/action");
        const secrets = listDeletedSecrets(request.document.read(), deps.now());
        return pageOf(request, secrets, lowerName, (found) => ({
          ...deletionBody(request.vaultUrl, found),
          ...itemBody(request.vaultUrl, found, false),
        }));
      },
    },
    {
      method: "GET",
      path: "/deletedsecrets/:name",
      answer(request) {
        const name = checkedName(request.param("name"));
        request.demand("readMetadata/action", name);
        return deletedAnswer(request, getDeletedSecret(request.document.read(), name, deps.now()));
      },
    },
    {
      method: "POST",
      path: "/deletedsecrets/:name/recover",
      answer(request) {
        const name = checkedName(request.param("name"));
        request.demand("recover/action", name);
        const at = { now: deps.now(), settleMs: deps.settleMs };
        const found = change(request, (state) => recoverSecret(state, name, at));
        return { status: 200, body: propertiesBody(request.vaultUrl, found, showsPreviousVersion(request.apiVersion)) };
      },
    },
    {
      method: "DELETE",
      path: "/deletedsecrets/:name",
      answer(request) {
        const name = checkedName(request.param("name"));
        request.demand("purge/action", name);
        request.document.update((state) => purgeSecret(state, name, deps.now()));
        return { status: 204 };
      },
    },
  ];
}

/** Changes the document and hands out what the change found in it. */
function change(request: SecretRequest, act: (state: VaultState) => Found): Found {
  const found: Found[] = [];
  request.document.update((state) => {
    found.push(act(state));
  });
  const [first] = found;
  if (!first) throw new Error("the state store did not run the change");
  return first;
}

function deletedAnswer(request: SecretRequest, found: Found): SecretAnswer {
  const properties = propertiesBody(request.vaultUrl, found, showsPreviousVersion(request.apiVersion));
  return { status: 200, body: { ...deletionBody(request.vaultUrl, found), ...properties } };
}

function lowerName(found: Found): string {
  return found.secret.name.toLowerCase();
}

/** One page in order of `key`; `$skiptoken` holds the key of its first item. `nextLink` is always there, null at the end. */
function pageOf(
  request: SecretRequest,
  all: readonly Found[],
  key: (found: Found) => string,
  body: (found: Found) => unknown,
): SecretAnswer {
  const asked = request.query("maxresults");
  const size = checkedMaxResults(asked);
  const from = markerOf(request.query("$skiptoken"));
  const rest = all.filter((found) => key(found) >= from);
  const next = rest[size];
  const nextLink = next ? nextLinkOf(request, key(next), asked) : null;
  return { status: 200, body: { value: rest.slice(0, size).map(body), nextLink } };
}

/** The service names port 443 in these links, although no request does. */
function nextLinkOf(request: SecretRequest, marker: string, maxResults: string | undefined): string {
  const token = Buffer.from(JSON.stringify({ NextMarker: marker, TargetLocation: 0 })).toString("base64url");
  const size = maxResults === undefined ? "" : `&maxresults=${maxResults}`;
  const path = request.path.replace(/\/$/, "");
  return `${request.vaultUrl}:443${path}?api-version=${request.apiVersion}&$skiptoken=${token}${size}`;
}

function markerOf(token: string | undefined): string {
  if (token === undefined) return "";
  try {
    const marker: unknown = JSON.parse(Buffer.from(token, "base64url").toString("utf8"));
    const value = typeof marker === "object" && marker !== null ? Reflect.get(marker, "NextMarker") : undefined;
    if (typeof value === "string") return value;
  } catch {
    // Answered below, as any other token that is not ours.
  }
  throw badParameter("The $skiptoken query parameter is invalid.");
}
