/** Connectors in the table `Connectors`, and their verifications in blobs. Implements the stores of connectors. */
import { z } from "zod";
import { CLOUD_NAMES } from "../cloud.ts";
import { AUTH_METHODS, configurationSchema, SECRET_KINDS } from "../connectors/auth-methods.ts";
import {
  CONNECTOR_STATES,
  type Connector,
  connectorSchemas,
  UUID,
  verificationSchema,
} from "../connectors/connector.ts";
import type { ConnectorStore, VerificationStore } from "../connectors/ports.ts";
import { ConflictError } from "../errors.ts";
import type { JsonBlobs } from "./blobs.ts";
import { jsonText } from "./columns.ts";
import type { Row, StoredRow, Table } from "./tables.ts";

const PARTITION = "c";
/** Row keys of names lie between these: DEL follows `~`. */
const NAMES = { first: "n~", end: "n\u007f" };
const { labels, resourceTypes, users } = connectorSchemas;

/** A row as we wrote it: anything else is a damaged record, and must not be used. */
const rowSchema = z.object({
  rowKey: z.string(),
  id: z.uuid(),
  authMethod: z.enum(AUTH_METHODS),
  cloud: z.enum(CLOUD_NAMES),
  configurationJson: jsonText(configurationSchema),
  secretKind: z.enum(SECRET_KINDS).nullish(),
  secretName: z.string().nullish(),
  secretVersion: z.string().nullish(),
  secretEndsAt: z.string().nullish(),
  resourceTypesJson: jsonText(resourceTypes),
  resourceId: z.string().nullish(),
  labelsJson: jsonText(labels),
  owner: z.string(),
  visibility: z.enum(["private", "shared"]),
  usersJson: jsonText(users),
  state: z.enum(CONNECTOR_STATES),
  checkedAt: z.string().nullish(),
  expiresAt: z.string().nullish(),
  createdAt: z.string(),
  updatedAt: z.string(),
});

/** @param table opened with STATE_UNAVAILABLE */
export function createConnectorStore(table: Table): ConnectorStore {
  const findByName = async (name: string) => {
    const row = await table.get(PARTITION, `n~${name}`);
    return row === null ? null : { connector: fromRow(row), etag: row.etag };
  };
  return {
    async insert(connector) {
      const rows = [toRow(connector), { partitionKey: PARTITION, rowKey: `i~${connector.id}`, name: connector.name }];
      const [etag] = (await table.insertAll(rows)) ?? [];
      if (etag !== undefined) return { etag };
      // A row in the way is another's, or our own whose reply was lost.
      const found = await findByName(connector.name);
      if (found?.connector.id !== connector.id) {
        throw new ConflictError("NAME_TAKEN", "A connector with this name exists. Choose another name.");
      }
      return { etag: found.etag };
    },
    async find(nameOrId) {
      if (!UUID.test(nameOrId)) return findByName(nameOrId);
      const pointer = await table.get(PARTITION, `i~${nameOrId.toLowerCase()}`);
      const found = typeof pointer?.name === "string" ? await findByName(pointer.name) : null;
      // A pointer may outlive its connector for a moment, and the name may have become another's.
      return found?.connector.id === nameOrId.toLowerCase() ? found : null;
    },
    async list(after, limit) {
      const rows = await table.range({ partitionKey: PARTITION, after: `n~${after ?? ""}`, before: NAMES.end, limit });
      return rows.map(fromRow);
    },
    replace: (connector, etag) => table.replace(toRow(connector), etag),
    async removeIf(connector, etag) {
      if (!(await table.removeIf(PARTITION, `n~${connector.name}`, etag))) return false;
      await table.remove(PARTITION, [`i~${connector.id}`]);
      return true;
    },
    async remove(connector) {
      // Only our own row: the name may be another's, and then our insert wrote nothing at all.
      const found = await findByName(connector.name);
      if (found?.connector.id === connector.id) {
        await table.remove(PARTITION, [`n~${connector.name}`, `i~${connector.id}`]);
      }
    },
  };
}

/** Verifications by connector id, at `verification/<id>.json`. */
export function createVerificationStore(blobs: JsonBlobs): VerificationStore {
  const nameOf = (connectorId: string) => `verification/${connectorId}.json`;
  return {
    put: (connectorId, verification) => blobs.put(nameOf(connectorId), verification),
    get: async (connectorId) => verificationSchema.nullable().parse(await blobs.get(nameOf(connectorId))),
    remove: (connectorId) => blobs.remove(nameOf(connectorId)),
  };
}

function toRow(connector: Connector): Row {
  return {
    partitionKey: PARTITION,
    rowKey: `n~${connector.name}`,
    id: connector.id,
    authMethod: connector.authMethod,
    cloud: connector.cloud,
    configurationJson: JSON.stringify(connector.configuration),
    secretKind: connector.secret?.kind,
    secretName: connector.secret?.name,
    secretVersion: connector.secret?.version,
    secretEndsAt: connector.secret?.endsAt ?? undefined,
    resourceTypesJson: JSON.stringify(connector.resourceTypes),
    resourceId: connector.resourceId ?? undefined,
    labelsJson: JSON.stringify(connector.labels),
    owner: connector.owner,
    visibility: connector.visibility,
    usersJson: JSON.stringify(connector.users),
    state: connector.state,
    checkedAt: connector.checkedAt ?? undefined,
    verificationBlob: connector.checkedAt === null ? undefined : `verification/${connector.id}.json`,
    expiresAt: connector.expiresAt ?? undefined,
    createdAt: connector.createdAt,
    updatedAt: connector.updatedAt,
  };
}

function fromRow(stored: StoredRow): Connector {
  const row = rowSchema.parse(stored);
  return {
    name: row.rowKey.slice(NAMES.first.length),
    id: row.id,
    authMethod: row.authMethod,
    cloud: row.cloud,
    configuration: row.configurationJson,
    secret: secretOf(row),
    resourceTypes: row.resourceTypesJson,
    resourceId: row.resourceId ?? null,
    labels: row.labelsJson,
    owner: row.owner,
    visibility: row.visibility,
    users: row.usersJson,
    state: row.state,
    checkedAt: row.checkedAt ?? null,
    expiresAt: row.expiresAt ?? null,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
  };
}

/** @throws Error for a row that says half of it */
function secretOf({ secretKind, secretName, secretVersion, ...row }: z.output<typeof rowSchema>): Connector["secret"] {
  if (secretKind && secretName && secretVersion) {
    return { kind: secretKind, name: secretName, version: secretVersion, endsAt: row.secretEndsAt ?? null };
  }
  if (secretKind || secretName || secretVersion) throw new Error("The row says only a part of where the secret is.");
  return null;
}
