/** The JSON of Key Vault secrets: request bodies checked, answers built. Called by key-vault.ts. */
import { z } from "zod";
import type { Found, VersionInput } from "./secret-store.ts";
import { badParameter } from "./vault-errors.ts";
import {
  MAX_CONTENT_TYPE_LENGTH,
  MAX_TAG_LENGTH,
  MAX_TAGS,
  MAX_TIME_SECONDS,
  MAX_VALUE_BYTES,
  RECOVERABLE_DAYS,
  RECOVERY_LEVEL,
  SECRET_NAME,
} from "./vault-limits.ts";

const time = z.int().min(0).max(MAX_TIME_SECONDS).nullish();
const tagText = z.string().max(MAX_TAG_LENGTH);
const setBody = z.object({
  value: z.string().refine((value) => Buffer.byteLength(value, "utf8") <= MAX_VALUE_BYTES),
  contentType: z.string().max(MAX_CONTENT_TYPE_LENGTH).nullish(),
  attributes: z.object({ enabled: z.boolean().nullish(), nbf: time, exp: time }).nullish(),
  tags: z
    .record(tagText, tagText)
    .refine((tags) => Object.keys(tags).length <= MAX_TAGS)
    .nullish(),
});

/** @throws VaultError 400 BadParameter */
export function checkedName(name: string): string {
  if (!SECRET_NAME.test(name)) throw badParameter(`The request URI contains an invalid name: ${name}`);
  return name;
}

/** @throws VaultError 400 BadParameter */
export function parseSetBody(text: string): VersionInput {
  const body = parsed(setBody, text);
  return { value: body.value, ...inputOf(body) };
}

/** @throws VaultError 400 BadParameter */
export function parseUpdateBody(text: string): Omit<VersionInput, "value"> {
  return inputOf(parsed(setBody.omit({ value: true }), text));
}

function inputOf(body: Omit<z.output<typeof setBody>, "value">): Omit<VersionInput, "value"> {
  return {
    contentType: body.contentType ?? undefined,
    enabled: body.attributes?.enabled ?? undefined,
    nbf: body.attributes?.nbf ?? undefined,
    exp: body.attributes?.exp ?? undefined,
    tags: body.tags ?? undefined,
  };
}

/** A secret with its value. */
export function valueBody(vaultUrl: string, found: Found) {
  return { value: found.version.value, ...propertiesBody(vaultUrl, found) };
}

/** A secret without its value: answer of delete and recover. Only secrets behind a certificate have `previousVersion`. */
export function propertiesBody(vaultUrl: string, { secret, version }: Found) {
  return {
    ...(version.contentType !== undefined && { contentType: version.contentType }),
    id: `${vaultUrl}/secrets/${secret.name}/${version.version}`,
    attributes: {
      enabled: version.enabled,
      ...(version.nbf !== undefined && { nbf: version.nbf }),
      ...(version.exp !== undefined && { exp: version.exp }),
      created: version.created,
      updated: version.updated,
      recoveryLevel: RECOVERY_LEVEL,
      recoverableDays: RECOVERABLE_DAYS,
    },
    ...(version.tags && { tags: version.tags }),
  };
}

/** What the answer to a deletion, and a deleted secret, has beside its properties. */
export function deletionBody(vaultUrl: string, { secret }: Found) {
  return {
    recoveryId: `${vaultUrl}/deletedsecrets/${secret.name}`,
    deletedDate: secret.deleted?.at,
    scheduledPurgeDate: secret.deleted?.purgeAt,
  };
}

/** Members that Key Vault does not know are ignored, as it does; paths are named, values never. */
function parsed<T>(schema: z.ZodType<T>, text: string): T {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw badParameter("The request body is not valid JSON.");
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const paths = new Set(result.error.issues.map((issue) => issue.path.slice(0, 2).join(".")));
  throw badParameter(`Property ${[...paths].join(", ")} has invalid value\r\n`);
}
