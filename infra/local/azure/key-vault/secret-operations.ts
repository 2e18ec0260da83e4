/** The operations on the secrets of a vault: right, rule, answer. Registered by key-vault.ts. */
import type { Document } from "../../state.ts";
import {
  checkedName,
  deletionBody,
  parseSetBody,
  parseUpdateBody,
  propertiesBody,
  valueBody,
} from "./secret-bodies.ts";
import { listOperations } from "./secret-lists.ts";
import {
  deleteSecret,
  type Found,
  getDeletedSecret,
  getSecret,
  purgeSecret,
  recoverSecret,
  setSecret,
  updateVersion,
  type VaultState,
} from "./secret-store.ts";
import { VaultError } from "./vault-errors.ts";

/** A request of a caller whose token was good, for a vault that exists. */
export type SecretRequest = {
  /** `https://VAULT.vault.azure.net`, without a slash. */
  readonly vaultUrl: string;
  readonly body: string;
  readonly document: Document<VaultState>;
  param(name: string): string;
  /** A query option, by its name in any case. */
  query(name: string): string | undefined;
  /**
   * @param secret null for the vault itself
   * @param permission what access policies call it, where that does not follow from the action
   * @throws VaultError 403 ForbiddenByRbac or AccessDenied
   */
  demand(action: string, secret: string | null, permission?: string): void;
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
  return [...liveOperations(deps), ...listOperations(deps), ...deletedOperations(deps)];
}

function liveOperations(deps: SecretDeps): SecretOperation[] {
  const get = (request: SecretRequest, version: string | undefined) => {
    const name = checkedName(request.param("name"));
    request.demand("getSecret/action", name);
    const found = getSecret(request.document.read(), name, version, deps.now());
    return { status: 200, body: valueBody(request.vaultUrl, found) };
  };
  return [
    {
      method: "PUT",
      path: "/secrets",
      answer() {
        throw new VaultError(405, "MethodNotAllowed", "HTTP PUT not allowed");
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
        return { status: 200, body: valueBody(request.vaultUrl, found) };
      },
    },
    { method: "GET", path: "/secrets/:name", answer: (request) => get(request, undefined) },
    { method: "GET", path: "/secrets/:name/:version", answer: (request) => get(request, request.param("version")) },
    {
      method: "PATCH",
      path: "/secrets/:name/:version",
      answer(request) {
        const name = checkedName(request.param("name"));
        request.demand("update/action", name, "set");
        const input = parseUpdateBody(request.body);
        const found = change(request, (state) =>
          updateVersion(state, name, request.param("version"), input, deps.now()),
        );
        return { status: 200, body: propertiesBody(request.vaultUrl, found) };
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
        return { status: 200, body: propertiesBody(request.vaultUrl, found) };
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
  const properties = propertiesBody(request.vaultUrl, found);
  return { status: 200, body: { ...deletionBody(request.vaultUrl, found), ...properties } };
}
