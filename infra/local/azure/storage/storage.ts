/** Azure Storage (blob, queue, table): decides who may do what, then lets Azurite do it. Made by system.ts. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { type Seed, storageAccountsOf, tenantOf } from "../../seed.ts";
import type { Service } from "../../service.ts";
import type { AccessTokens, Authorization, ContainerDirectory, DelegationKeyRegister } from "../ports.ts";
import { type AzuriteEndpoints, connectAzurite } from "./azurite-connection.ts";
import { type Caller, headerOf, identifyCaller } from "./caller.ts";
import { checkEntity, checkPath, checkRequest, checkTable, checkVersion } from "./checks.ts";
import { createContainerDirectory, seedContainers } from "./containers.ts";
import { forward } from "./forward.ts";
import { hostOf, parse, read, serviceOf } from "./incoming.ts";
import { invalidInput } from "./malformed.ts";
import { createdPath } from "./mend.ts";
import { type Operation, operationOf, shapeOf } from "./operations.ts";
import { authenticationFailed, bodyTooLarge, internalError, notEmulated, permissionMismatch } from "./refusals.ts";
import { errorAnswer, type StorageError, serverHeader, writeStorageError } from "./storage-error.ts";
import {
  checkTransaction,
  isTransaction,
  operationsInTransaction,
  operationsOf,
  refusedTransaction,
  TRANSACTION,
  TRANSACTION_LIMIT_BYTES,
  type TransactionPart,
  transactionNotEmulated,
  withAccountInPaths,
} from "./transaction.ts";
import { KEY_REQUEST_LIMIT_BYTES, userDelegationKey } from "./user-delegation-key.ts";

/** What the guard needs. */
export type StorageDeps = {
  readonly seed: Seed;
  readonly tokens: AccessTokens;
  readonly authorization: Authorization;
  readonly azurite: AzuriteEndpoints;
  readonly delegationKeys: DelegationKeyRegister;
  readonly now: () => Date;
};

/** Largest JSON of one entity: 1 MiB of values, with room for names and escapes. */
const ENTITY_LIMIT_BYTES = 4 * 1024 * 1024;
const WRITES_ENTITY = [
  ...["Insert Entity", "Insert Or Replace Entity", "Insert Or Merge Entity", "Update Entity", "Merge Entity"],
];
const DELEGATION_KEY = "Get User Delegation Key";

/** Answers only for the accounts of the seed: every other name stays unknown to the proxy, as to a real name server. */
export function createStorage(deps: StorageDeps): {
  service: Service;
  containers: ContainerDirectory;
  /** Makes the containers that the seed names; done when they are all there. */
  seedContainers(): Promise<void>;
} {
  const azurite = connectAzurite(deps.azurite);
  const accounts = new Map(storageAccountsOf(deps.seed).map((entry) => [entry.account.name, entry]));
  const { tokens, delegationKeys, now } = deps;

  async function answer(request: IncomingMessage, response: ServerResponse, host: string): Promise<void> {
    const [name = ""] = host.split(".");
    const service = serviceOf(host);
    const refuse = (error: StorageError) => writeStorageError(request, response, service, error, deps.now());
    const entry = accounts.get(name);
    if (!entry) return refuse(internalError());
    const asked = parse(request);
    const malformed = checkVersion(headerOf(request, "x-ms-version")) ?? checkPath(asked.path);
    if (malformed) return refuse(malformed);
    const tenant = tenantOf(deps.seed, entry.subscription).id;
    const known = await identifyCaller(
      { tokens, tenant, delegationKeys, now },
      service,
      entry.account,
      request,
      asked.query,
    );
    if (!known.ok) return refuse(known.error);
    const who = known.caller;
    const version = headerOf(request, "x-ms-version") || (who.kind === "sas" ? who.version : "");
    const operation = operationOf(service, asked);
    const transaction = service === "table" && isTransaction(asked.method, asked.path);
    const pass = (sent: { body?: Buffer; created?: string | undefined; parts?: readonly TransactionPart[] } = {}) =>
      forward(azurite, {
        ...{ service, account: name, request, response, version, refuse, now: deps.now, query: asked.query },
        ...{ body: sent.body, created: sent.created, parts: sent.parts },
        operation: transaction ? TRANSACTION : operation?.name,
        table: operation?.table,
        credential: who.kind === "token" ? "guard" : "own",
        clientRequestId: request.headers["x-ms-client-request-id"],
        prefers: request.headers.prefer !== undefined,
      });

    if (operation?.name === DELEGATION_KEY && who.kind !== "token") {
      return refuse(authenticationFailed("Only authentication scheme Bearer is supported"));
    }
    if (who.kind === "key") {
      if (!transaction) return pass();
      const body = await read(request, TRANSACTION_LIMIT_BYTES);
      if (!body) return refuse(bodyTooLarge(TRANSACTION_LIMIT_BYTES));
      const parts = operationsInTransaction(body.toString("utf8"));
      // A key may do everything, and its signature does not cover the body.
      return pass({ body: Buffer.from(withAccountInPaths(body.toString("latin1"), name), "latin1"), parts });
    }
    if (transaction) {
      const body = await read(request, TRANSACTION_LIMIT_BYTES);
      if (!body) return refuse(bodyTooLarge(TRANSACTION_LIMIT_BYTES));
      const parts = operationsInTransaction(body.toString("utf8"));
      const inside = operationsOf(parts);
      if (inside.length === 0 || inside.includes(undefined)) return refuse(invalidInput());
      const allowed = inside.every((part) => part && isAllowed(who, part, entry.id));
      if (!allowed) return refuse(permissionMismatch());
      const missing = transactionNotEmulated(parts);
      if (missing) return refuse(missing);
      const wrong = checkTransaction(parts);
      if (wrong) {
        const { headers } = errorAnswer(request, service, wrong.error, deps.now());
        const { contentType, body: answer } = refusedTransaction(
          wrong,
          parts[wrong.index],
          headers["x-ms-request-id"] ?? "",
          deps.now(),
        );
        response.writeHead(202, { ...headers, "content-type": contentType }).end(answer);
        return;
      }
      // Latin-1 keeps every byte as it is.
      return pass({ body: Buffer.from(withAccountInPaths(body.toString("latin1"), name), "latin1"), parts });
    }
    if (!operation) return refuse(notEmulated(shapeOf(service, asked)));
    if (!isAllowed(who, operation, entry.id)) return refuse(permissionMismatch());
    const wrong = checkRequest(operation, asked);
    if (wrong) return refuse(wrong);
    if (operation.name === "Create Table" || WRITES_ENTITY.includes(operation.name)) {
      const body = await read(request, ENTITY_LIMIT_BYTES);
      if (!body) return refuse(bodyTooLarge(ENTITY_LIMIT_BYTES));
      const text = body.toString("utf8");
      const unfit = operation.name === "Create Table" ? checkTable(text) : checkEntity(text);
      if (unfit) return refuse(unfit);
      return pass({ body, created: createdPath(operation.name, operation.table, text) });
    }
    if (operation.name !== DELEGATION_KEY || who.kind !== "token") return pass();

    const body = await read(request, KEY_REQUEST_LIMIT_BYTES);
    if (!body) return refuse(bodyTooLarge(KEY_REQUEST_LIMIT_BYTES));
    const key = userDelegationKey(body.toString("utf8"), { ...who, version }, deps.now());
    if (!key.ok) return refuse(key.error);
    deps.delegationKeys.made(name, key.name);
    const clientRequestId = request.headers["x-ms-client-request-id"];
    response
      .writeHead(200, {
        "content-type": "application/xml",
        server: serverHeader("blob"),
        "x-ms-request-id": crypto.randomUUID(),
        "x-ms-version": version,
        ...(clientRequestId === undefined ? {} : { "x-ms-client-request-id": clientRequestId }),
      })
      .end(key.body);
  }

  function isAllowed(who: Exclude<Caller, { kind: "key" }>, operation: Operation, accountId: string): boolean {
    const principal = { objectId: who.objectId, groups: who.kind === "token" ? who.groups : [] };
    const scope = `${accountId}${operation.subScope}`;
    return operation.anyOf.some((rights) =>
      rights.every((right) => deps.authorization.allows(principal, right.plane, right.operation, scope)),
    );
  }

  return {
    service: {
      name: "storage",
      hosts: new RegExp(`^(${[...accounts.keys()].join("|")})\\.(blob|queue|table)\\.core\\.windows\\.net$`),
      handle(request, response) {
        answer(request, response, hostOf(request)).catch(() => {
          if (response.headersSent) response.destroy();
          else writeStorageError(request, response, serviceOf(hostOf(request)), internalError(), deps.now());
        });
      },
      errorBody: (request, error) => errorAnswer(request, serviceOf(hostOf(request)), error, deps.now()),
      close: async () => azurite.close(),
    },
    containers: createContainerDirectory(azurite),
    seedContainers: () => seedContainers(deps.seed, azurite),
  };
}
