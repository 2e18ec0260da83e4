/** Azure Storage (blob, queue, table): decides who may do what, then lets Azurite do it. Made by system.ts. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { type Seed, storageAccountsOf } from "../../seed.ts";
import type { Service } from "../../service.ts";
import type { AccessTokens, Authorization, ContainerDirectory } from "../ports.ts";
import { type AzuriteEndpoints, connectAzurite, readBody } from "./azurite-connection.ts";
import { type Caller, headerOf, identifyCaller } from "./caller.ts";
import { createContainerDirectory, seedContainers } from "./containers.ts";
import { forward } from "./forward.ts";
import { createdPath } from "./mend.ts";
import { type Operation, type OperationRequest, operationOf, shapeOf } from "./operations.ts";
import {
  authenticationFailed,
  bodyTooLarge,
  internalError,
  invalidInput,
  notEmulated,
  permissionMismatch,
} from "./refusals.ts";
import { errorBody, type StorageError, type StorageService, serverHeader, writeStorageError } from "./storage-error.ts";
import {
  isTransaction,
  operationsInTransaction,
  TRANSACTION,
  TRANSACTION_LIMIT_BYTES,
  withAccountInPaths,
} from "./transaction.ts";
import { KEY_REQUEST_LIMIT_BYTES, userDelegationKey } from "./user-delegation-key.ts";

/** What the guard needs. */
export type StorageDeps = {
  readonly seed: Seed;
  readonly tokens: AccessTokens;
  readonly authorization: Authorization;
  readonly azurite: AzuriteEndpoints;
  readonly now: () => Date;
};

/** Largest JSON of one entity: 1 MiB of values, with room for names and escapes. */
const ENTITY_LIMIT_BYTES = 4 * 1024 * 1024;
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
  const caller = { tokens: deps.tokens, tenant: deps.seed.tenant.id, now: deps.now };

  async function answer(request: IncomingMessage, response: ServerResponse, host: string): Promise<void> {
    const [name = "", label = ""] = host.split(".");
    const service: StorageService = label === "queue" || label === "table" ? label : "blob";
    const refuse = (error: StorageError) => writeStorageError(request, response, service, error, deps.now());
    const entry = accounts.get(name);
    if (!entry) return refuse(internalError());
    const asked = parse(request);
    const known = await identifyCaller(caller, service, entry.account, request, asked.query);
    if (!known.ok) return refuse(known.error);
    const who = known.caller;
    const version = headerOf(request, "x-ms-version") || (who.kind === "sas" ? who.version : "");
    const operation = operationOf(service, asked);
    const transaction = service === "table" && isTransaction(asked.method, asked.path);
    const pass = (body?: Buffer, created?: string) =>
      forward(azurite, {
        ...{ service, account: name, request, response, version, refuse, body, created },
        operation: transaction ? TRANSACTION : operation?.name,
        table: operation?.table,
        credential: who.kind === "token" ? "guard" : "own",
        clientRequestId: request.headers["x-ms-client-request-id"],
      });

    if (operation?.name === DELEGATION_KEY && who.kind !== "token") {
      return refuse(authenticationFailed("Only authentication scheme Bearer is supported"));
    }
    if (who.kind === "key") return pass();
    if (transaction) {
      const body = await read(request, TRANSACTION_LIMIT_BYTES);
      if (!body) return refuse(bodyTooLarge(TRANSACTION_LIMIT_BYTES));
      const inside = operationsInTransaction(body.toString("utf8")).map((part) => operationOf("table", part));
      if (inside.length === 0 || inside.includes(undefined)) return refuse(invalidInput());
      const allowed = inside.every((part) => part && isAllowed(who, part, entry.id));
      if (!allowed) return refuse(permissionMismatch());
      // Latin-1 keeps every byte as it is.
      return pass(Buffer.from(withAccountInPaths(body.toString("latin1"), name), "latin1"));
    }
    if (!operation) return refuse(notEmulated(shapeOf(service, asked)));
    if (!isAllowed(who, operation, entry.id)) return refuse(permissionMismatch());
    if (operation.name === "Create Table" || operation.name === "Insert Entity") {
      const body = await read(request, ENTITY_LIMIT_BYTES);
      if (!body) return refuse(bodyTooLarge(ENTITY_LIMIT_BYTES));
      return pass(body, createdPath(operation.name, operation.table, body.toString("utf8")));
    }
    if (operation.name !== DELEGATION_KEY || who.kind !== "token") return pass();

    const body = await read(request, KEY_REQUEST_LIMIT_BYTES);
    if (!body) return refuse(bodyTooLarge(KEY_REQUEST_LIMIT_BYTES));
    const key = userDelegationKey(body.toString("utf8"), { ...who, version }, deps.now());
    if (!key.ok) return refuse(key.error);
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
        const host = (request.headers.host ?? "").replace(/:\d+$/, "").toLowerCase();
        answer(request, response, host).catch(() => {
          const service = /\.(queue|table)\./.exec(host)?.[1] === "table" ? "table" : "blob";
          if (response.headersSent) response.destroy();
          else writeStorageError(request, response, service, internalError(), deps.now());
        });
      },
      errorBody: (error) => errorBody("blob", error, undefined, crypto.randomUUID(), deps.now()),
      close: async () => azurite.close(),
    },
    containers: createContainerDirectory(azurite),
    seedContainers: () => seedContainers(deps.seed, azurite),
  };
}

function parse(request: IncomingMessage): OperationRequest {
  const [path = "/", ...query] = (request.url ?? "/").split("?");
  return {
    method: (request.method ?? "GET").toUpperCase(),
    path,
    query: new URLSearchParams(query.join("?")),
    headers: request.headers,
  };
}

/** Undefined when the body is over the limit. */
async function read(request: IncomingMessage, limitBytes: number): Promise<Buffer | undefined> {
  try {
    return await readBody(request, limitBytes);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
